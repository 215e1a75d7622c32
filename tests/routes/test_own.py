"""Stars, notes, drafts and stories: what a candidate keeps beside the questions."""

import httpx
import pytest
from sqlmodel import Session, select

from app.tables import Story

pytestmark = pytest.mark.anyio


async def test_a_star_is_put_and_taken(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.put("/api/questions/why-scale/star")).status_code == 204
    assert "★ Starred" in (await client.get("/questions/why-scale")).text
    begun = await client.post("/api/practice", json={"mode": "review", "only": "starred"})
    assert begun.json()["count"] == 1
    for _ in range(2):
        assert (await client.delete("/api/questions/why-scale/star")).status_code == 204
    await client.post("/questions/why-scale/star")
    assert "★ Starred" in (await client.get("/questions/why-scale")).text


async def test_a_note_is_kept_beside_its_question_and_escaped(client: httpx.AsyncClient) -> None:
    address = "/api/questions/why-scale/note"
    kept = await client.put(address, json={"text": "<u>ask</u> about T5", "revision": 0})
    assert kept.json() == {"revision": 1}
    assert "&lt;u&gt;ask&lt;/u&gt; about T5" in (await client.get("/questions/why-scale")).text
    stale = await client.put(address, json={"text": "other", "revision": 0})
    assert stale.status_code == 409
    assert stale.json()["text"] == "<u>ask</u> about T5"
    await client.post("/questions/why-scale/note", data={"text": "by form"})
    assert (await client.get(address)).json() == {"text": "by form", "revision": 2}


async def test_a_draft_of_one_point_is_not_the_questions(client: httpx.AsyncClient) -> None:
    address = "/api/questions/why-scale/draft"
    await client.put(f"{address}?point=point-2", json={"text": "of the point"})
    assert (await client.get(address)).json()["text"] == ""
    assert (await client.get(f"{address}?point=point-2")).json()["text"] == "of the point"
    assert (await client.get(f"{address}?point=nine")).status_code == 404


async def test_a_story_is_written_and_a_second_tab_overwrites_nothing(
    client: httpx.AsyncClient, session: Session
) -> None:
    begun = await client.post("/stories", data={"title": "Claims <routing>"})
    address = begun.headers["location"]
    assert "Claims &lt;routing&gt;" in (await client.get(address)).text
    written = {"title": "Claims", "context": "40 handlers", "revision": 1}
    assert (await client.put(f"/api{address}", json=written)).json() == {"revision": 2}
    stale = await client.put(f"/api{address}", json=written | {"context": "other"})
    assert stale.status_code == 409
    form = {"title": "Claims", "context": "typed without scripts", "revision": "1"}
    page = await client.post(address, data=form)
    assert page.status_code == 409
    assert "typed without scripts" in page.text
    assert (await client.post(address, data=form | {"revision": "2"})).status_code == 303
    session.expire_all()
    assert session.exec(select(Story)).one().context == "typed without scripts"


async def test_a_story_is_deleted_when_asked_twice(
    client: httpx.AsyncClient, session: Session
) -> None:
    address = (await client.post("/stories", data={"title": "Mine"})).headers["location"]
    asked = await client.post(f"{address}/delete")
    assert "go for good" in asked.text
    assert len(session.exec(select(Story)).all()) == 1
    assert (await client.post(f"{address}/delete", data={"sure": "yes"})).status_code == 303
    session.expire_all()
    assert session.exec(select(Story)).all() == []
    assert (await client.get(address)).status_code == 404
