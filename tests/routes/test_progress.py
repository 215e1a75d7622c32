"""The pages of progress and their JSON, on a simulated history."""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from app.tables import LOCAL_LEARNER, Learner
from bench.history import simulate

pytestmark = pytest.mark.anyio

PAGE = "/questions/why-scale"


@pytest.fixture
def practised(app: FastAPI, session: Session) -> None:
    learner = session.get_one(Learner, LOCAL_LEARNER)
    simulate(session, learner, app.state.bank, until=datetime.now(UTC), answers=60, days=20)


@pytest.mark.usefixtures("practised")
async def test_the_page_answers_in_text_what_its_figures_draw(client: httpx.AsyncClient) -> None:
    page = (await client.get("/progress")).text
    found = (await client.get("/api/progress")).json()
    embedded = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert len(embedded) == len(found["figures"]) == 10
    assert all(json.loads(text)["data"] for text in embedded)
    for figure in found["figures"]:
        assert figure["reading"].replace("“", "").split(",")[0] in page.replace("“", "")
        assert f'id="{figure["name"]}"' in page
    assert f"{100 * found['readiness']['mean']:.0f}&nbsp;%" in page


@pytest.mark.usefixtures("practised")
async def test_what_is_weak_has_a_lab_and_a_drill(client: httpx.AsyncClient) -> None:
    sent = await client.post(f"{PAGE}/answers", data={"text": "Because."})
    marks = {"point-1": "made", "point-2": "missing", "point-3": "contradicted"}
    await client.post(f"{sent.headers['Location']}/verdicts", data=marks)
    found = (await client.get("/api/progress")).json()
    page = (await client.get("/progress")).text
    assert found["points"]["open"] == 2
    for row in found["points"]["missed"]:
        assert f'href="{row["lab"]}"' in page
        assert f'name="question" value="{row["slug"]}"' in page
    assert page.count('name="mode" value="drill"') > len(found["points"]["missed"])


@pytest.mark.usefixtures("practised")
async def test_the_json_keeps_what_it_gave_and_gains_the_parts(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/progress")).json()
    was = "questions practised answers predictions foreseen topics recent"
    assert set(was.split()) <= found.keys()
    assert found["answers"] == len(found["recent"]) == 60
    assert found["recent"][0].keys() == {
        *("answer_id", "slug", "title", "topic", "created_at", "tally")
    }
    times = [row["created_at"] for row in found["recent"]]
    assert times == sorted(times, reverse=True)
    new = "today readiness mastery points blind_spots streak growth figures"
    assert set(new.split()) <= found.keys()


@pytest.mark.usefixtures("practised")
async def test_a_figure_has_an_address_of_its_own(client: httpx.AsyncClient) -> None:
    for figure in (await client.get("/api/progress")).json()["figures"]:
        one = (await client.get(f"/api/progress/{figure['name']}")).json()
        assert one.pop("figure")["layout"]["title"]["text"] == figure["title"]
        assert one == figure
    unknown = await client.get("/api/progress/nothing")
    assert unknown.status_code == 404
    assert "readiness, topics" in unknown.json()["detail"]


async def test_an_empty_page_says_what_it_will_show_and_draws_nothing(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/progress")).text
    assert page.count("This will show") == 12
    assert "data-figure" not in page
    assert 'action="/practice"' not in page


async def test_answers_stand_side_by_side_with_what_changed(client: httpx.AsyncClient) -> None:
    for text, made in (
        ("The variance grows. <b>", "missing"),
        ("The variance shrinks. <b>", "made"),
    ):
        sent = await client.post(f"{PAGE}/answers", data={"text": text})
        await client.post(
            f"{sent.headers['Location']}/verdicts", data={"point-1": made, "point-2": "made"}
        )
    page = (await client.get(f"{PAGE}/growth")).text
    assert "<del> grows.</del>" in page
    assert "<ins> shrinks.</ins>" in page
    assert "&lt;b&gt;" in page
    assert "Gained" in page
    assert "Point number 1" in page.split("Gained")[1].split("<h3>")[0]
    assert 'class="lost"' not in page


async def test_one_answer_has_nothing_beside_it_yet(client: httpx.AsyncClient) -> None:
    await client.post(f"{PAGE}/answers", data={"text": "One."})
    assert "answered this question twice" in (await client.get(f"{PAGE}/growth")).text
    assert (await client.get("/questions/nothing/growth")).status_code == 404
