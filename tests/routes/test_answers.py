"""Graded answers as pages and JSON: quoted, contradicted, asked, regraded, remembered."""

import html
import logging
import re
from collections.abc import Iterator, Sequence

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from app.grading import Claim, PointVerdict
from app.marking import Engine, Marker, Opinion
from app.tables import Verdict
from tests.graders import Doing, Rule

pytestmark = pytest.mark.anyio

API = "/api/questions/why-scale"
PAGE = "/questions/why-scale"
TEXT = "Well, yes 1. And <b>no 2</b> & no 2! Perhaps 3?\nYes 4, yes 5."


def install(app: FastAPI, engine: Engine, name: str = "rule", version: str = "7") -> None:
    if app.state.grader:
        app.state.grader.close()
    app.state.grader = Marker(name, version, engine, app.state.engine)


@pytest.fixture
def rule(app: FastAPI) -> Iterator[Rule]:
    engine = Rule()
    install(app, engine)
    yield engine
    app.state.grader.close()


def fails(answer: str, claim: Claim) -> PointVerdict:
    raise RuntimeError("broken")


async def answered(client: httpx.AsyncClient, text: str = TEXT) -> str:
    sent = await client.post(f"{PAGE}/answers", data={"text": text})
    assert sent.status_code == 303
    return sent.headers["Location"]


def part(page: str, point: str) -> str:
    found = re.search(rf'<fieldset id="{point}".*?</fieldset>', page, re.DOTALL)
    assert found is not None
    return found[0]


async def test_an_answer_comes_back_graded(client: httpx.AsyncClient, rule: Rule) -> None:
    response = await client.post(f"{API}/answers", json={"text": TEXT})
    assert response.status_code == 201
    verdicts = response.json()["verdicts"]
    assert [row["verdict"] for row in verdicts] == [
        "made",
        "contradicted",
        "unsure",
        "made",
        "made",
    ]
    for row in verdicts:
        assert TEXT[row["start"] :].startswith(row["quote"])
        assert (row["confidence"], row["grader"], row["grader_version"]) == (0.9, "rule", "7")
    assert (await client.get(f"{API}/answers")).json() == [response.json()]


async def test_a_failing_grader_loses_no_answer_and_can_be_asked_again(
    app: FastAPI, client: httpx.AsyncClient, rule: Rule
) -> None:
    logging.disable()
    try:
        install(app, Doing(fails))
        address = await answered(client)
        page = (await client.get(address)).text
        assert "no verdicts on this answer" in page
        assert "yes 1." in page
        assert page.count('type="radio"') == 15
        refused = await client.post(f"{address}/grade")
        assert refused.status_code == 503
        assert "kept" in refused.text
        assert (await client.post(f"/api{address}/grade")).status_code == 503
    finally:
        logging.disable(logging.NOTSET)
    install(app, rule)
    assert (await client.post(f"{address}/grade")).status_code == 303
    page = (await client.get(address)).text
    assert "no verdicts" not in page
    assert "3 made" in page
    again = await client.post(f"/api{address}/grade")
    assert [row["verdict"] for row in again.json()["verdicts"]][:2] == ["made", "contradicted"]


async def test_without_a_grader_there_is_nothing_to_ask_again(client: httpx.AsyncClient) -> None:
    address = await answered(client)
    assert "Grade again" not in (await client.get(address)).text
    response = await client.post(f"/api{address}/grade")
    assert response.status_code == 409
    assert "yourself" in response.json()["detail"]


async def test_the_answer_is_shown_as_typed_with_its_quotes_marked(
    client: httpx.AsyncClient, rule: Rule
) -> None:
    page = (await client.get(await answered(client))).text
    [given] = re.findall(r"<blockquote[^>]*>(.*?)</blockquote>", page, re.DOTALL)
    assert html.unescape(re.sub(r"<[^>]*>", "", given)) == TEXT
    marked = dict(re.findall(r'<mark id="quote-point-(\d)"[^>]*data-verdict="(\w+)"', given))
    assert marked == {
        "1": "made",
        "2": "contradicted",
        "3": "unsure",
        "4": "made",
        "5": "made",
    }
    assert re.findall(r'href="#point-point-(\d)" data-number="(\d)"', given) == [
        (number, number) for number in "12345"
    ]
    assert "<b>" not in given


class Names:
    """Takes "no 2" for the first wording that it is given; can name nothing else."""

    def recognise(self, quote: str, wordings: Sequence[str]) -> str | None:
        assert wordings
        if "no 2" not in quote:
            raise RuntimeError("cannot tell")
        return wordings[0]


async def test_what_is_contradicted_names_the_known_mistake(
    app: FastAPI, client: httpx.AsyncClient, rule: Rule
) -> None:
    app.state.grader.recogniser = Names()
    logging.disable()
    try:
        page = (await client.get(await answered(client, "Yes 1. So no 2! No 3."))).text
    finally:
        logging.disable(logging.NOTSET)
    mistake = app.state.bank["why-scale"].point("point-2").denies[0]
    assert f"opposite of the point, and as a known mistake: “{mistake}”" in part(
        page, "point-point-2"
    )
    for other in "134":
        assert "known mistake" not in part(page, f"point-point-{other}")
    assert "opposite of the point.</p>" in part(page, "point-point-3")


async def test_each_verdict_says_what_it_rests_on(client: httpx.AsyncClient, rule: Rule) -> None:
    page = (await client.get(await answered(client, "Yes 1. No 2. Perhaps 3."))).text
    order = re.findall(r'<fieldset id="point-point-(\d)"', page)
    assert order == ["3", "2", "4", "5", "1"]  # to settle, contradicted, missing, made
    asked = part(page, "point-point-3")
    assert "“Perhaps 3.”</a> Does that make the point?" in asked
    assert re.findall(r'<button name="point-3" value="(\w+)"', asked) == [
        "made",
        "missing",
        "contradicted",
    ]
    assert 'type="radio"' not in asked
    wrong = part(page, "point-point-2")
    assert "You wrote: " in wrong
    assert "“No 2.”</a> This reads as the opposite of the point." in wrong
    left_out = part(page, "point-point-4")
    assert "What of number 4?" in left_out
    assert "You wrote" not in left_out
    assert "The grader, 80 % sure" in left_out
    assert "1 to settle" in page


async def test_one_tap_settles_and_both_voices_are_kept(
    client: httpx.AsyncClient, session: Session, rule: Rule
) -> None:
    address = await answered(client, "Yes 1. Perhaps 3.")
    await client.post(f"{address}/verdicts", data={"point-3": "made"})
    await client.post(f"{address}/verdicts", data={"point-1": "contradicted"})
    page = (await client.get(address)).text
    assert "You: made. The grader: unsure." in part(page, "point-point-3")
    assert "You: contradicted. The grader, 90 % sure: made." in part(page, "point-point-1")
    rows = session.exec(select(Verdict).where(Verdict.point_id == "point-3")).all()
    assert [(row.grader, row.verdict, row.quote) for row in rows] == [
        ("rule", "unsure", "Perhaps 3."),
        ("self", "made", "Perhaps 3."),
    ]


async def test_a_changed_verdict_can_be_remembered_and_is_used_next_time(
    client: httpx.AsyncClient, rule: Rule
) -> None:
    address = await answered(client, "Scores are tamed by it. Yes 1.")
    assert "Remember it" not in (await client.get(address)).text
    await client.post(f"{address}/verdicts", data={"point-4": "made"})
    offered = part((await client.get(address)).text, "point-point-4")
    assert "Remember it as made" in offered
    assert re.findall(r'<option value="([^"]*)"', offered) == [
        "",
        "Scores are tamed by it.",
        "Yes 1.",
    ]
    number = address.rsplit("/", 1)[1]
    fields = {"answer": number, "point": "point-4", "verdict": "made", "back": address}
    text = "Scores are tamed by it."
    kept = await client.post(f"{PAGE}/wordings", data=fields | {"text": text})
    assert (kept.status_code, kept.headers["Location"]) == (303, f"{address}#point-point-4")
    page = (await client.get(address)).text
    assert f"Remembered: “{text}”" in page
    assert 'id="quote-point-4"' in page  # the verdict rests on that sentence now

    page = (await client.get(await answered(client, "No 4! scores are tamed by it"))).text
    assert 'data-verdict="made"' in part(page, "point-point-4")
    assert "A wording that you had accepted" in part(page, "point-point-4")
    page = (await client.get(PAGE)).text
    assert text in page
    [gone] = re.findall(r'action="([^"]*/forget)"', page)
    assert (await client.post(gone)).status_code == 303
    assert text not in (await client.get(PAGE)).text.split('id="wordings"')[-1].split("<nav")[0]
    page = (await client.get(await answered(client, "No 4! scores are tamed by it"))).text
    assert 'data-verdict="contradicted"' in part(page, "point-point-4")


async def test_wordings_are_json_too(client: httpx.AsyncClient, rule: Rule) -> None:
    number = (await client.post(f"{API}/answers", json={"text": TEXT})).json()["id"]
    form = {"answer": number, "point": "point-1", "verdict": "contradicted", "text": "Well, yes 1."}
    kept = await client.post(f"{API}/wordings", json=form)
    assert kept.status_code == 201
    assert (await client.get(f"{API}/wordings")).json() == [kept.json()]
    for change, status, says in (
        ({"text": "Never said by anyone."}, 422, "not one of this answer"),
        ({"verdict": "missing"}, 422, "verdict"),
        ({"point": "point-9"}, 404, "point-9"),
        ({"answer": 99}, 404, "no answer"),
        ({"colour": "red"}, 422, "colour"),
    ):
        refused = await client.post(f"{API}/wordings", json=form | change)
        assert refused.status_code == status
        assert says in refused.json()["detail"]
        if "colour" not in change:
            page = await client.post(f"{PAGE}/wordings", data=form | change)
            assert page.status_code == status
    other = API.replace("why-scale", "what-is-a-mask")
    assert (await client.post(f"{other}/wordings", json=form)).status_code == 404
    for _ in range(2):
        gone = await client.delete(f"{API}/wordings/{kept.json()['id']}")
        assert gone.status_code == 204
    assert (await client.get(f"{API}/wordings")).json() == []


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/a\nb", "/../x?y=1"])
async def test_a_form_leads_back_to_pages_of_ours_alone(
    client: httpx.AsyncClient, rule: Rule, back: str
) -> None:
    address = await answered(client)
    response = await client.post(f"{address}/grade", data={"back": back})
    assert response.headers["Location"] == f"{address}#points"
    response = await client.post(f"{address}/grade", data={"back": "/practice/7"})
    assert response.headers["Location"] == "/practice/7#points"


async def test_a_silent_judge_is_told_of_point_by_point(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    reasons = {"point-1": "timeout", "point-2": "refused", "point-3": "void", "point-4": "both"}
    install(
        app,
        Doing(
            lambda answer, claim: (
                Opinion(claim.id, "unsure", reason=reasons[claim.id])  # type: ignore[arg-type]
                if claim.id in reasons
                else Opinion(claim.id, "missing")
            )
        ),
        name="judge",
        version="tiny-1",
    )
    address = await answered(client)
    page = (await client.get(address)).text
    assert "did not answer for 2 of 5 points: 1 × no reply in time, 1 × a refusal." in page
    assert "The judge did not reply in time." in part(page, "point-point-1")
    assert "not in your answer" in part(page, "point-point-3")
    assert "The judge (tiny-1)" in part(page, "point-point-5")
    assert "% sure" not in page
    app.state.grader.close()


async def test_another_version_can_be_asked_to_grade_again(
    app: FastAPI, client: httpx.AsyncClient, rule: Rule
) -> None:
    address = await answered(client)
    assert "Grade again" not in (await client.get(address)).text
    install(app, rule, version="8")
    assert "another version of it, has marked this answer" in (await client.get(address)).text
    await client.post(f"{address}/grade")
    assert "Grade again" not in (await client.get(address)).text


async def test_what_cannot_be_read_is_asked_and_never_marked(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    install(app, Doing(lambda answer, claim: PointVerdict(claim.id, "unsure", 0.5)))
    for text in ("x", "Die Varianz wächst mit der Dimension."):
        row = (await client.post(f"{API}/answers", json={"text": text})).json()
        assert {verdict["verdict"] for verdict in row["verdicts"]} == {"unsure"}
        page = (await client.get(f"{PAGE}/answers/{row['id']}")).text
        assert page.count('class="settle"') == 5
        assert "5 to settle" in page
    app.state.grader.close()
