"""The questions' pages and JSON, on a bank of two."""

import re

import httpx
import pytest

from app import drafts
from app.practice import ANSWER_LIMIT

pytestmark = pytest.mark.anyio

API = "/api/questions/why-scale"
PAGE = "/questions/why-scale"


async def test_the_list_is_an_array_with_practised_counts(client: httpx.AsyncClient) -> None:
    await client.post(f"{API}/answers", json={"text": "Once."})
    listed = (await client.get("/api/questions")).json()
    assert [(row["slug"], row["practised"]) for row in listed] == [
        ("why-scale", 1),
        ("what-is-a-mask", 0),
    ]


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("deck=&topic=&difficulty=&q=", ["why-scale", "what-is-a-mask"]),
        ("topic=attention&difficulty=easy", ["what-is-a-mask"]),
        ("q=WHY+scaled", ["why-scale"]),
        ("q=nothing+of+the+kind", []),
        ("deck=talks", []),
    ],
)
async def test_filters_narrow_the_list(
    client: httpx.AsyncClient, query: str, slugs: list[str]
) -> None:
    listed = (await client.get(f"/api/questions?{query}")).json()
    assert [row["slug"] for row in listed] == slugs
    page = (await client.get(f"/questions?{query}")).text
    assert re.findall(r'<a href="/questions/([a-z-]+)">[A-Z]', page) == slugs


@pytest.mark.parametrize("query", ["topic=gardening", "deck=x", "difficulty=11"])
async def test_an_unknown_filter_is_refused_with_a_sentence(
    client: httpx.AsyncClient, query: str
) -> None:
    response = await client.get(f"/api/questions?{query}")
    assert response.status_code == 422
    assert query.split("=")[0] in response.json()["detail"]


async def test_a_question_is_given_with_its_rubric_but_not_its_wordings(
    client: httpx.AsyncClient,
) -> None:
    question = (await client.get(API)).json()
    assert question["prompt"] == "Why are the scores scaled?"
    assert len(question["points"]) == 5
    assert "says" not in question["points"][0]
    assert next(iter(question["sections"])) == "In thirty seconds"


async def test_an_unknown_slug_is_a_404_that_offers_a_search(client: httpx.AsyncClient) -> None:
    page = await client.get("/questions/nowhere")
    assert page.status_code == 404
    assert 'role="search"' in page.text
    assert (await client.get("/api/questions/nowhere")).json() == {
        "detail": "There is no question at this address."
    }


async def test_the_question_page_keeps_its_answer_to_itself(client: httpx.AsyncClient) -> None:
    page = (await client.get(PAGE)).text
    assert "claim about" not in page
    assert "A temperature." not in page
    explained = (await client.get(f"{PAGE}/explanation")).text
    assert "A temperature." in explained
    assert "<math" in explained


async def test_the_bank_prints_as_one_page(client: httpx.AsyncClient) -> None:
    page = (await client.get("/questions/print")).text
    assert page.count('<article class="sheet"') == 2
    assert "A temperature." in page
    assert "Why are the scores" not in (await client.get("/questions/print?difficulty=easy")).text
    none = await client.get("/questions/print?topic=scaling")
    assert "no answer matches" in none.text


async def test_an_answer_walks_from_form_to_verdicts_to_history(
    client: httpx.AsyncClient,
) -> None:
    sent = await client.post(f"{PAGE}/answers", data={"text": "Variance.", "seconds": "61"})
    assert sent.status_code == 303
    address = sent.headers["Location"]
    shown = (await client.get(address)).text
    assert "Variance." in shown
    assert "1:01 min" in shown
    assert shown.count('type="radio"') == 15
    marked = await client.post(
        f"{address}/verdicts", data={"point-1": "missing", "point-2": "contradicted"}
    )
    assert marked.status_code == 303
    shown = (await client.get(address)).text
    assert 'value="missing" checked' in shown
    assert "You left out: Point number 1" in shown
    assert 'data-lab="/labs/self-attention"' in shown
    assert "1 missing" in (await client.get(PAGE)).text
    assert "1 missing" in (await client.get("/progress")).text
    history = (await client.get(f"{API}/answers")).json()
    assert [row["verdict"] for row in history[0]["verdicts"]] == [
        "missing",
        "contradicted",
        "unsure",
        "unsure",
        "unsure",
    ]


async def test_the_lab_shown_is_that_of_the_first_point_missed(client: httpx.AsyncClient) -> None:
    sent = await client.post(f"{PAGE}/answers", data={"text": "Variance."})
    address = sent.headers["Location"]
    await client.post(f"{address}/verdicts", data={"point-1": "made", "point-2": "contradicted"})
    shown = (await client.get(address)).text
    assert 'data-lab="/labs/cross-attention"' in shown
    assert "You said the opposite of: Point number 2" in shown


async def test_what_candidates_type_is_text_wherever_it_is_shown(
    client: httpx.AsyncClient,
) -> None:
    nasty = "</textarea></script><script>alert(1)</script><img src=x onerror=x> {{ 7919*7907 }}"
    sent = await client.post(f"{PAGE}/answers", data={"text": nasty})
    await client.put(f"{API}/draft", json={"text": nasty})
    pages = [sent.headers["Location"], PAGE, "/", "/progress", f"/questions?q={nasty}"]
    for address in pages:
        page = (await client.get(address)).text
        assert "<script>alert" not in page, address
        assert "<img" not in page, address
        assert "62615533" not in page, address
    kept = (await client.get(f"{API}/answers")).json()
    assert kept[0]["text"] == nasty


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"text": ""}, "empty"),
        ({"text": "   "}, "empty"),
        ({"text": "x" * 100_000}, "100,000 characters; the limit is 20,000"),
        ({}, "“text” is missing"),
        ({"text": 7}, "“text” must be text"),
        ({"text": None}, "“text” must be text"),
        ({"text": "x", "seconds": "soon"}, "“seconds” must be a whole number"),
        ({"text": "x", "seconds": -1}, "“seconds” must be at least 0"),
        ({"text": "x", "confidence": "very"}, "“confidence” must be one of"),
        ({"text": "x", "colour": "red"}, "“colour” is not a field"),
        ([], "JSON object"),
    ],
)
async def test_a_bad_answer_is_refused_with_a_sentence(
    client: httpx.AsyncClient, body: object, part: str
) -> None:
    response = await client.post(f"{API}/answers", json=body)
    assert response.status_code == 422
    assert list(response.json()) == ["detail"]
    assert part in response.json()["detail"]


async def test_half_an_emoji_is_kept_as_well_as_can_be(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    content = b'{"text": "cut \\ud83d"}'
    response = await client.post(f"{API}/answers", content=content, headers=headers)
    assert response.status_code == 201
    assert response.json()["text"] == "cut \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("content", [b"{", b"", b'{"text": "x", "\\ud83d": 1}', b"\xff\xfe"])
async def test_broken_json_is_refused_with_a_sentence(
    client: httpx.AsyncClient, content: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post(f"{API}/answers", content=content, headers=headers)
    assert response.status_code in (400, 422)
    assert response.json()["detail"].endswith(".")


@pytest.mark.parametrize("text", ["", " \n ", "x" * (ANSWER_LIMIT + 1)])
async def test_a_refused_form_comes_back_with_what_was_typed(
    client: httpx.AsyncClient, text: str
) -> None:
    page = await client.post(f"{PAGE}/answers", data={"text": text})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert f">\n{text}</textarea>" in page.text


async def test_marks_that_do_not_fit_are_refused(client: httpx.AsyncClient) -> None:
    answer = (await client.post(f"{API}/answers", json={"text": "x"})).json()
    address = f"{API}/answers/{answer['id']}/verdicts"
    for verdicts, part in (({"point-9": "made"}, "point-9"), ({"point-1": "brilliant"}, "one of")):
        response = await client.post(address, json={"verdicts": verdicts})
        assert response.status_code == 422
        assert part in response.json()["detail"]
        form = await client.post(address.removeprefix("/api"), data=verdicts)
        assert form.status_code == 422
    assert (await client.get(f"{API}/answers/999")).status_code == 404
    other = address.replace("why-scale", "what-is-a-mask")
    assert (await client.post(other, json={"verdicts": {}})).status_code == 404


async def test_a_draft_is_kept_and_shown_again(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/draft")).json() == {"text": "", "revision": 0}
    saved = await client.put(f"{API}/draft", json={"text": "Half a thou", "revision": 0})
    assert saved.json() == {"revision": 1}
    assert "Half a thou</textarea>" in (await client.get(PAGE)).text
    assert "Half a thou" in (await client.get("/")).text


async def test_a_draft_too_long_to_submit_is_still_kept(client: httpx.AsyncClient) -> None:
    text = "é" * drafts.LIMIT
    assert (await client.put(f"{API}/draft", json={"text": text})).status_code == 200
    assert (await client.get(f"{API}/draft")).json()["text"] == text
    over = await client.put(f"{API}/draft", json={"text": text + "é"})
    assert over.status_code == 422


async def test_two_tabs_do_not_overwrite_each_other(client: httpx.AsyncClient) -> None:
    await client.put(f"{API}/draft", json={"text": "tab one", "revision": 0})
    response = await client.put(f"{API}/draft", json={"text": "tab two", "revision": 0})
    assert response.status_code == 409
    assert "another tab" in response.json()["detail"]
    assert response.json()["text"] == "tab one"
    assert (await client.get(f"{API}/draft")).json()["text"] == "tab one"


async def test_a_get_changes_nothing(client: httpx.AsyncClient) -> None:
    await client.post(f"{API}/answers", json={"text": "x"})
    before = (await client.get("/api/progress")).json()
    for address in ("/", "/questions", PAGE, f"{PAGE}/answers/1", f"{PAGE}/explanation"):
        assert (await client.get(address)).status_code == 200
    assert (await client.get("/api/progress")).json() == before
    assert (await client.get(f"{API}/draft")).json() == {"text": "", "revision": 0}
