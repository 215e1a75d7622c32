"""The page of one's own data: out, in, gone; every refusal a sentence, nothing touched by it."""

import csv
import io
import json
import re
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel import Session, select

from app import anki, guard
from app.tables import Answer
from tests.conftest import question_file

pytestmark = pytest.mark.anyio

API = "/api/questions/why-scale"


async def answer(client: httpx.AsyncClient, words: str = "Because.") -> int:
    sent = await client.post(f"{API}/answers", json={"text": words})
    number: int = sent.json()["id"]
    marks = {"point-1": "missing", "point-2": "made"}
    await client.post(f"{API}/answers/{number}/verdicts", json={"verdicts": marks})
    return number


def rows(app: FastAPI) -> list[str]:
    with Session(app.state.engine) as session:
        return [row.text for row in session.exec(select(Answer))]


async def test_an_export_is_a_download_that_can_be_sent_back(client: httpx.AsyncClient) -> None:
    await answer(client)
    response = await client.get("/api/export")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="attend-')
    assert response.json()["answer"][0]["text"] == "Because."
    again = await client.post("/api/import", content=response.content)
    assert again.json() == {"added": {}, "changed": {}, "decks": []}


async def test_what_was_deleted_comes_back_from_the_export(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    await answer(client)
    kept = (await client.get("/api/export")).content
    await confirm(client, "everything=true")
    assert rows(app) == []
    sent = await client.post("/data/import", files={"file": ("a.json", kept)})
    assert sent.status_code == 303
    page = (await client.get(sent.headers["Location"])).text
    assert "Taken in: 3 rows added" in page
    assert rows(app) == ["Because."]
    again = await client.post("/data/import", files={"file": ("a.json", kept)})
    assert "nothing changed" in (await client.get(again.headers["Location"])).text


@pytest.mark.parametrize("content", [b"{", b"{}", b"not at all"])
async def test_a_file_that_is_no_export_is_refused_with_the_reason(
    app: FastAPI, client: httpx.AsyncClient, content: bytes
) -> None:
    await answer(client)
    refused = await client.post("/api/import", content=content)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("This is")
    page = await client.post("/data/import", files={"file": ("a.json", content)})
    assert page.status_code == 422
    assert "Nothing was changed" in page.text
    assert rows(app) == ["Because."]


async def test_an_import_may_be_large_and_nothing_else_may(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = b" " * (guard.BODY_LIMIT + 1)
    assert (await client.post("/api/import", content=flood)).status_code == 422
    assert (await client.post(f"{API}/answers", content=flood)).status_code == 413
    monkeypatch.setitem(guard.LIMITS, "/api/import", 10)
    too_much = await client.post("/api/import", content=b"{}" * 10)
    assert too_much.status_code == 413
    assert "limit is 10 bytes" in too_much.json()["detail"]


async def test_the_spreadsheet_holds_every_answer_and_no_formula(
    client: httpx.AsyncClient,
) -> None:
    nasty = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", '" , \n;', "  =1", "plain, √d"]
    for words in nasty:
        await answer(client, words)
    response = await client.get("/api/export/answers.csv")
    assert response.content.startswith(b"\xef\xbb\xbf")
    found = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))
    assert [row["text"].removeprefix("'") for row in found] == nasty
    assert [row["text"][0] == "'" for row in found] == [True] * 6 + [False, True, False]
    assert {row["missing"] for row in found} == {"1"}
    assert found[-1]["title"] == "Why are the scores scaled?"


async def confirm(client: httpx.AsyncClient, query: str) -> httpx.Response:
    """Follow a Delete link and press the button of the page that it leads to."""
    page = (await client.get(f"/data/delete?{query}")).text
    [action] = re.findall(r'action="(/data/delete[^"]*)"', page)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    return await client.post(action, data=fields)


@pytest.mark.parametrize("query", ["answer=1", "question=why-scale", "everything=true"])
async def test_a_deletion_is_asked_twice_and_done_for_real(
    app: FastAPI, client: httpx.AsyncClient, query: str
) -> None:
    await answer(client, "xylophone " * 300)
    page = (await client.get(f"/data/delete?{query}")).text
    assert "1 answer<" in page
    assert "2 verdicts on points" in page
    assert rows(app)  # a GET changes nothing
    done = await confirm(client, query)
    assert done.headers["Location"] == "/data?deleted=wiped"
    assert "gone from the database" in (await client.get(done.headers["Location"])).text
    assert rows(app) == []
    folder = Path(app.state.settings.data_dir)
    assert not any(b"xylophone" in path.read_bytes() for path in folder.glob("attend.db*"))


async def test_what_came_since_the_question_was_asked_is_asked_about(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    await answer(client)
    page = (await client.get("/data/delete?everything=true")).text
    [action] = re.findall(r'action="(/data/delete[^"]*)"', page)
    await answer(client, "Another.")
    refused = await client.post(action, data={"everything": "true"})
    assert refused.status_code == 409
    assert "Nothing has been deleted" in refused.text
    assert len(rows(app)) == 2


async def test_what_is_not_there_cannot_be_deleted(client: httpx.AsyncClient) -> None:
    assert (await client.get("/data/delete?answer=99")).status_code == 404
    assert (await client.get("/data/delete")).status_code == 422
    assert (await client.post("/data/delete?total=0", data={})).status_code == 422


def zipped(**files: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def own_question(title: str = "What is mine?") -> str:
    text = question_file(title, "hard", "why-scale").replace("labs: [self-attention]", "labs: []")
    return text.replace("claim about $d_k$", r"claim about $\daleth$")


async def add(client: httpx.AsyncClient, data: bytes, **fields: str) -> httpx.Response:
    files = {"files": ("mine.zip", data, "application/zip")}
    return await client.post("/data/decks", files=files, data=fields)


async def test_a_deck_of_ones_own_is_there_at_once_and_gone_when_removed(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    old = (await client.get("/questions")).text
    sent = await add(client, zipped(**{"deck/01-what-is-mine.md": own_question()}))
    assert sent.status_code == 303
    listed = (await client.get("/api/questions?deck=own")).json()
    assert [row["slug"] for row in listed] == ["what-is-mine"]
    assert "What is mine?" in (await client.get("/questions")).text
    kept = await client.post("/api/questions/what-is-mine/answers", json={"text": "Mine."})
    assert kept.status_code == 201
    # The font has its characters now, and pages that were open before still find theirs.
    assert ord("ℸ") in map(ord, app.state.assets._editions[0].characters)
    for link in re.findall(r'"(/assets/[^"]*css)"', old):
        assert (await client.get(link)).status_code == 200
    page = (await client.get("/data/decks/mine/remove")).text
    assert "1 answer" in page
    assert (await client.get("/api/questions/what-is-mine")).status_code == 200
    await client.post("/data/decks/mine/remove")
    assert (await client.get("/api/questions/what-is-mine")).status_code == 404
    assert (await client.get("/data")).status_code == 200
    assert rows(app) == ["Mine."]


async def test_decks_travel_with_an_export(client: httpx.AsyncClient) -> None:
    await add(client, zipped(**{"01-what-is-mine.md": own_question()}))
    kept = (await client.get("/api/export")).content
    assert "What is mine?" in json.loads(kept)["decks"]["mine"]["01-what-is-mine.md"]
    await client.post("/data/decks/mine/remove")
    taken = await client.post("/api/import", content=kept)
    assert taken.json()["decks"] == ["mine"]
    assert (await client.get("/api/questions/what-is-mine")).status_code == 200


async def test_an_import_with_a_deck_that_cannot_be_is_refused_whole(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    await answer(client)
    document = (await client.get("/api/export")).json()
    del document["sha256"]
    document["decks"] = {"mine": {"01-why-scale.md": own_question()}}
    document["answer"][0] |= {"submission": "new", "text": "New."}
    refused = await client.post("/api/import", json=document)
    assert refused.status_code == 422
    assert "why-scale" in refused.json()["detail"]
    assert rows(app) == ["Because."]


async def test_a_faulty_deck_is_refused_with_file_and_line(client: httpx.AsyncClient) -> None:
    faulty = own_question().replace("difficulty: hard", "difficulty: fiendish")
    line = faulty.split("\n").index("difficulty: fiendish") + 1
    refused = await add(client, zipped(**{"01-what-is-mine.md": faulty}))
    assert refused.status_code == 422
    assert f"01-what-is-mine.md:{line}: difficulty" in refused.text
    assert (await client.get("/api/questions?deck=own")).json() == []


async def test_a_deck_is_replaced_only_when_that_is_said(client: httpx.AsyncClient) -> None:
    await add(client, zipped(**{"01-what-is-mine.md": own_question()}))
    other = zipped(**{"01-what-is-new.md": own_question("What is new?")})
    assert (await add(client, other)).status_code == 422
    assert (await add(client, other, replace="yes")).status_code == 303
    listed = (await client.get("/api/questions?deck=own")).json()
    assert [row["slug"] for row in listed] == ["what-is-new"]


def notes(content: bytes, folder: Path) -> dict[str, list[str]]:
    """The notes of an .apkg by GUID: their fields."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        path = archive.extract("collection.anki2", folder)
    with sqlite3.connect(path) as collection:
        found = collection.execute("SELECT guid, flds FROM notes").fetchall()
    collection.close()
    return {guid: fields.split("\x1f") for guid, fields in found}


async def test_questions_for_anki_keep_their_guids(
    app: FastAPI, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    first = notes((await client.get("/api/export/questions.apkg")).content, tmp_path)
    again = notes((await client.get("/api/export/questions.apkg")).content, tmp_path)
    assert first == again
    assert len(first) == 2
    changed = [
        question.model_copy(update={"title": "Worded anew?"})
        for question in app.state.bank.values()
    ]
    assert notes(anki.questions(changed), tmp_path).keys() == first.keys()
    fields = next(fields for fields in first.values() if "Why are the scores" in fields[0])
    assert "<math" in fields[2]
    assert fields[3].count("<li>") == 5


async def test_missed_points_for_anki_quote_the_candidate_as_text(
    app: FastAPI, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    none = await client.get("/api/export/missed.apkg")
    assert none.status_code == 404
    await answer(client)
    nasty = '<img src=x onerror="x"> [sound:a.mp3] {{Hint}} \\(x\\)'
    with app.state.engine.begin() as connection:
        connection.execute(text("UPDATE verdict SET quote = :quote"), {"quote": nasty})
    [fields] = notes((await client.get("/api/export/missed.apkg")).content, tmp_path).values()
    assert "What of number 1" in fields[1]
    assert "Point number 1" in fields[2]
    assert "<img" not in fields[4]
    assert "[sound" not in fields[4]
    assert "tex2jax_ignore" in fields[4]


async def test_the_page_says_how_much_there_is(client: httpx.AsyncClient) -> None:
    await answer(client)
    page = (await client.get("/data")).text
    assert "1 answer" in page
    assert "/data/delete?question=why-scale" in page
    described: dict[str, Any] = (await client.get("/openapi.json")).json()["paths"]
    assert "/api/export" in described
    assert "/api/import" in described
    assert (await client.get("/docs")).status_code == 200
