"""Practice over HTTP: pages and JSON take the same steps; bad input gets a sentence."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from app.marking import Marker
from app.tables import Answer, Learner, PracticeItem
from tests.graders import Rule

pytestmark = pytest.mark.anyio


async def begin(client: httpx.AsyncClient, **choice: Any) -> dict[str, Any]:
    response = await client.post("/api/practice", json={"mode": "review"} | choice)
    assert response.status_code == 201, response.text
    shown: dict[str, Any] = response.json()
    return shown


async def test_a_session_is_gone_through_by_json(client: httpx.AsyncClient) -> None:
    shown = await begin(client)
    assert (shown["mode"], shown["position"], shown["count"]) == ("review", 0, 2)
    assert shown["current"]["slug"] == "why-scale"
    address = f"/api/practice/{shown['id']}"
    answered = (await client.post(f"{address}/answers", json={"text": "Because."})).json()
    assert [row["verdict"] for row in answered["verdicts"]] == ["unsure"] * 5
    assert answered["suggested"] == 1
    assert set(answered["dates"]) == {"1", "2", "3", "4"}
    assert answered["session"]["unrated"] == "why-scale"
    rated = (await client.post(f"{address}/rating", json={"rating": 3})).json()
    assert rated["due"] == answered["dates"]["3"][:10] + rated["due"][10:]
    both = {"text": "It hides what comes later.", "rating": 4}
    last = (await client.post(f"{address}/answers", json=both)).json()
    assert last["session"]["finished"] is True
    assert last["session"]["current"] is None
    assert (await client.get(address)).json() == last["session"]
    refused = await client.post(f"{address}/answers", json={"text": "More."})
    assert refused.status_code == 409
    assert "nothing more to ask" in refused.json()["detail"]


async def test_the_step_taken_back_by_json_is_the_last(client: httpx.AsyncClient) -> None:
    shown = await begin(client)
    address = f"/api/practice/{shown['id']}"
    await client.post(f"{address}/answers", json={"text": "Because.", "rating": 3})
    back = (await client.post(f"{address}/undo")).json()
    assert (back["position"], back["unrated"]) == (1, "why-scale")
    assert (await client.post(f"{address}/undo")).status_code == 409


async def test_a_second_tab_is_told_and_nothing_is_doubled(
    client: httpx.AsyncClient, session: Session
) -> None:
    shown = await begin(client)
    form = {"text": "First tab.", "submission": "a", "revision": "0", "seconds": "9"}
    address = f"/practice/{shown['id']}/items/0/answer"
    assert (await client.post(address, data=form)).status_code == 303
    assert (await client.post(address, data=form)).status_code == 303  # pressed twice
    other = form | {"text": "Second <b>tab</b>.", "submission": "b"}
    told = await client.post(address, data=other)
    assert told.status_code == 409
    assert "answered in another tab" in told.text
    assert "Second &lt;b&gt;tab&lt;/b&gt;." in told.text
    assert [row.text for row in session.exec(select(Answer))] == ["First tab."]
    draft = (await client.get("/api/questions/why-scale/draft")).json()
    assert draft["text"] == "Second <b>tab</b>."


async def test_looking_changes_nothing(client: httpx.AsyncClient, app: FastAPI) -> None:
    shown = await begin(client)
    await client.post(f"/api/practice/{shown['id']}/answers", json={"text": "Because."})

    def dump() -> list[str]:
        with app.state.engine.connect() as connection:
            return list(connection.connection.driver_connection.iterdump())

    before = dump()
    for page in ("", "/1", "/1/items/0", "/1/items/1", "/1/summary"):
        response = await client.get(f"/practice{page}", headers={"cookie": "zone=Asia/Tokyo"})
        assert response.status_code in (200, 303)
    assert (await client.get("/stories")).status_code == 200
    assert dump() == before


async def test_the_candidates_zone_is_what_the_browser_said_when_they_answered(
    client: httpx.AsyncClient, session: Session
) -> None:
    shown = await begin(client)
    address = f"/api/practice/{shown['id']}/answers"
    headers = {"cookie": "zone=Asia/Tokyo"}
    await client.post(address, json={"text": "In Tokyo.", "rating": 3}, headers=headers)
    await client.post(address, json={"text": "?"}, headers={"cookie": "zone=Mars/Olympus"})
    assert [row.zone for row in session.exec(select(Answer))] == ["Asia/Tokyo", "Asia/Tokyo"]
    assert session.get_one(Learner, 1).zone == "Asia/Tokyo"


async def test_a_refused_form_comes_back_with_its_text(client: httpx.AsyncClient) -> None:
    shown = await begin(client)
    address = f"/practice/{shown['id']}/items/0/answer"
    response = await client.post(address, data={"text": "<i>kept</i>", "seconds": "-4"})
    assert response.status_code == 422
    assert "&lt;i&gt;kept&lt;/i&gt;" in response.text
    assert "“seconds” must be at least 0." in response.text


async def test_a_hint_keeps_what_was_typed(client: httpx.AsyncClient) -> None:
    shown = await begin(client)
    form = {"text": "so far", "revision": "0", "seconds": "4"}
    response = await client.post(f"/practice/{shown['id']}/items/0/hint", data=form)
    page = (await client.get(response.headers["location"])).text
    assert "What of number 1?" in page
    assert "so far</textarea>" in page
    assert 'formaction="/practice/1/items/0/hint"' not in page


async def test_showing_the_answer_keeps_what_was_typed_and_rates_again(
    client: httpx.AsyncClient,
) -> None:
    shown = await begin(client)
    form = {"text": "half", "revision": "0"}
    await client.post(f"/practice/{shown['id']}/items/0/reveal", data=form)
    page = (await client.get("/practice/1/items/0")).text
    assert "You asked for the answer" in page
    assert re.search(r'value="1" data-key="1" class="primary"', page)
    assert (await client.get("/api/questions/why-scale/draft")).json()["text"] == "half"


async def test_the_rating_has_the_next_date_on_each_button(client: httpx.AsyncClient) -> None:
    shown = await begin(client)
    await client.post(f"/api/practice/{shown['id']}/answers", json={"text": "Because."})
    page = (await client.get("/practice/1/items/0")).text
    buttons = re.findall(r'name="rating"[^>]*>(\w+) <span>([^<]+)</span>', page)
    assert [name for name, _ in buttons] == ["Again", "Hard", "Good", "Easy"]
    assert [until for _, until in buttons] == ["1 min", "6 min", "10 min", "8 days"]


async def test_a_newcomer_begins_from_the_first_page(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    [mode] = re.findall(r'<form[^>]*action="/practice"[^>]*><input[^>]*value="(\w+)"', page)
    begun = await client.post("/practice", data={"mode": mode})
    assert (await client.get(begun.headers["Location"])).status_code == 200
    assert "Learn the first questions" not in (await client.get("/")).text


async def test_learning_begins_with_reading(client: httpx.AsyncClient, session: Session) -> None:
    shown = await begin(client, mode="learn")
    address = f"/practice/{shown['id']}"
    page = (await client.get(address)).text
    assert "In thirty seconds" in page
    assert "<textarea" not in page.split("</main>")[0]
    await client.post(f"{address}/items/0/open")
    page = (await client.get(address)).text
    assert "In thirty seconds" not in page
    assert 'name="text"' in page


async def test_an_interview_shows_neither_topic_nor_difficulty(client: httpx.AsyncClient) -> None:
    shown = await begin(client, mode="mock", minutes=20)
    page = (await client.get(f"/practice/{shown['id']}")).text.split("<main")[1]
    assert "medium" not in page
    assert "attention" not in page.replace("self-attention", "")
    assert "of 20 min" in page or "20 min in all" in page


async def test_a_drill_of_nothing_says_so(client: httpx.AsyncClient) -> None:
    refused = await client.post("/api/practice", json={"mode": "drill"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "No point that fits was missed or contradicted last time."
    page = await client.post("/practice", data={"mode": "drill"})
    assert page.status_code == 409
    assert "No point that fits" in page.text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "“mode” is missing."),
        ({"mode": "cram"}, "“mode” must be one of"),
        ({"mode": "mock", "minutes": 7}, "“minutes” must be one of"),
        ({"mode": "review", "count": 0}, "“count” must be at least 1."),
        ({"mode": "review", "pace": 1}, "“pace” is not a field here."),
    ],
)
async def test_a_choice_that_there_is_not_gets_a_sentence(
    client: httpx.AsyncClient, sent: dict[str, Any], said: str
) -> None:
    refused = await client.post("/api/practice", json=sent)
    assert refused.status_code == 422
    assert said in refused.json()["detail"]


async def test_what_is_not_there_is_404(client: httpx.AsyncClient) -> None:
    await begin(client)
    for address in ("/practice/9", "/practice/9/summary", "/practice/1/items/7", "/api/practice/9"):
        assert (await client.get(address)).status_code == 404
    for address in ("/practice/1/items/0/verdicts", "/practice/1/items/0/again/no-such-point"):
        assert (await client.post(address, data={"text": "t"})).status_code == 404


async def test_a_question_that_left_the_bank_is_said_to_be_gone(
    client: httpx.AsyncClient, session: Session
) -> None:
    shown = await begin(client)
    item = session.exec(select(PracticeItem).where(PracticeItem.position == 0)).one()
    item.slug = "no-longer"
    session.commit()
    gone = await client.get(f"/practice/{shown['id']}")
    assert gone.status_code == 410
    assert "no longer has the question" in gone.text
    assert (await client.get("/practice")).status_code == 200


async def test_the_schedule_is_set(client: httpx.AsyncClient, session: Session) -> None:
    form = {"interview_on": "2031-05-04", "new_per_day": "9", "day_begins": "6"}
    assert (await client.post("/practice/schedule", data=form)).status_code == 303
    learner = session.get_one(Learner, 1)
    assert (str(learner.interview_on), learner.new_per_day, learner.day_begins) == (
        "2031-05-04",
        9,
        6,
    )
    page = (await client.get("/practice")).text
    assert 'value="2031-05-04"' in page
    assert "to the interview" in page
    refused = await client.post("/practice/schedule", data=form | {"new_per_day": "-1"})
    assert refused.status_code == 422
    assert "“new_per_day” must be at least 0." in refused.text


async def test_fitting_needs_its_reviews(client: httpx.AsyncClient) -> None:
    refused = await client.post("/practice/schedule/fit")
    assert refused.status_code == 409
    assert "from 512 reviews on; there are 0" in refused.text


async def test_a_talk_goes_on_where_it_was(client: httpx.AsyncClient, session: Session) -> None:
    shown = await begin(client, question="why-scale")
    address = f"/practice/{shown['id']}/items/0/paces"
    assert (await client.put(address, json={"paces": [61, 40]})).status_code == 204
    assert session.exec(select(PracticeItem)).one().paces == [61, 40]
    assert (await client.put(address, json={"paces": [-1]})).status_code == 422


async def test_each_missed_point_is_asked_for_once_more(
    client: httpx.AsyncClient, session: Session
) -> None:
    await begin(client)
    await client.post("/api/practice/1/answers", json={"text": "Nothing of the kind."})
    marks = {f"point-{number}": "missing" for number in (2, 4)} | {"point-1": "made"}
    await client.post("/practice/1/items/0/verdicts", data=marks)
    for number in (2, 4):
        page = (await client.get("/practice/1/items/0")).text
        address = f"/practice/1/items/0/again/point-{number}"
        assert f'action="{address}"' in page
        assert "You left out" in page
        await client.post(address, data={"text": f"Now {number}.", "submission": str(number)})
    page = (await client.get("/practice/1/items/0")).text
    assert "/again/" not in page
    assert "Now 2." in page
    assert "Now 4." in page
    assert [row.point_id for row in session.exec(select(Answer))] == [None, "point-2", "point-4"]


async def test_what_is_said_once_more_shows_its_sentence_and_where_to_settle_it(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    app.state.grader = Marker("rule", "7", Rule(), app.state.engine)
    await begin(client)
    await client.post("/api/practice/1/answers", json={"text": "Nothing of the kind."})
    said = {"text": "Well <b>. Perhaps 2.", "submission": "2"}
    await client.post("/practice/1/items/0/again/point-2", data=said)
    page = (await client.get("/practice/1/items/0")).text
    assert 'Well &lt;b&gt;. <mark data-verdict="unsure">Perhaps 2.</mark>' in page
    [address] = re.findall(r'href="(/questions/[^"]+/answers/\d+)">settle it', page)
    assert (await client.get(address)).text.count('class="settle"') == 1
    app.state.grader.close()


async def test_one_questions_missed_points_can_be_drilled(client: httpx.AsyncClient) -> None:
    await begin(client)
    await client.post("/api/practice/1/answers", json={"text": "Nothing of the kind."})
    await client.post("/practice/1/items/0/verdicts", data={"point-3": "contradicted"})
    shown = await begin(client, mode="drill", question="why-scale")
    assert (shown["count"], shown["current"]["point"]) == (1, "point-3")
    refused = await client.post("/api/practice", json={"mode": "drill", "question": "nowhere"})
    assert refused.status_code == 409


async def test_a_number_that_no_row_has_finds_none(client: httpx.AsyncClient) -> None:
    huge = "9" * 20
    for address in (
        f"/practice/{huge}",
        f"/api/practice/{huge}",
        f"/stories/{huge}",
        f"/questions/why-scale/answers/{huge}",
    ):
        assert (await client.get(address)).status_code == 404, address
    for story in (7, -1, int(huge)):
        refused = await client.post("/api/practice", json={"mode": "talk", "story": story})
        assert refused.status_code == 409
    draft = {"text": "t", "revision": int(huge)}
    refused = await client.put("/api/questions/why-scale/draft", json=draft)
    assert refused.status_code == 422
    assert "“revision” must be at most" in refused.json()["detail"]


async def test_of_many_presses_at_once_one_undoes(client: httpx.AsyncClient) -> None:
    await begin(client)
    await client.post("/api/practice/1/answers", json={"text": "Because.", "rating": 3})
    pressed = await asyncio.gather(*(client.post("/api/practice/1/undo") for _ in range(6)))
    assert sorted(response.status_code for response in pressed) == [200] + [409] * 5
