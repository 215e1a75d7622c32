"""Runs that stream: what is told, in which order, and that they end when nobody listens."""

import json
import re
import threading
from collections.abc import Generator
from time import monotonic
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from app import predictions
from app.labs import LABS
from app.labs.illustration import Frame, Illustration, LabParams, Prediction, UnfitInput
from app.routes import runs as routes
from app.runs import Run
from app.tables import LOCAL_LEARNER
from model.checkpoint import Models

pytestmark = pytest.mark.anyio

LAB = "/labs/cross-attention"
Event = tuple[str, dict[str, Any]]


class Counting:
    """A lab that trains: three frames, the last with the outcome; more if it is told to."""

    def __init__(self, whole: Illustration) -> None:
        self.whole, self.frames = whole, 3
        self.fault: Exception | None = None
        self.closed = threading.Event()
        self.told = 0

    def train(self, params: LabParams, models: Models) -> Generator[Frame, None, None]:
        try:
            for done in range(1, self.frames + 1):
                if self.fault is not None and done == 2:
                    raise self.fault
                self.told = done
                last = done == self.frames
                yield Frame(done, self.frames, f"loss {done}", self.whole if last else None)
                threading.Event().wait(0.002)
        finally:
            self.closed.set()


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, models: Models) -> Counting:
    module = LABS["cross-attention"].module
    whole = module.illustrate(module.Params(), models)
    counting = Counting(Illustration(whole.figures, "Read.", whole.checks, whole.table, outcome=1))
    monkeypatch.setattr(module, "train", counting.train, raising=False)
    monkeypatch.setattr(module, "PREDICT", Prediction("Which?", ("A.", "B.")), raising=False)
    monkeypatch.setattr(routes, "OFTEN", 0.0)
    return counting


def parse(text: str) -> list[Event]:
    """The events of a stream: each a name and its data."""
    parts = [part.split("\n") for part in text.split("\n\n") if part]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in parts
    ]


async def test_a_run_is_told_from_its_first_step_to_its_end(
    client: httpx.AsyncClient, lab: Counting
) -> None:
    response = await client.get(f"/api{LAB}/run")
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parse(response.text)
    assert [name for name, _ in events] == ["progress"] * 3 + ["illustration", "done"]
    assert events[1][1] == {"done": 2, "total": 3, "says": "loss 2"}
    assert set(events[3][1]) >= {"figures", "reading", "checks", "table"}
    assert events[4][1]["reason"] == "finished"
    assert lab.closed.is_set()


async def test_the_page_gets_its_pictures_as_html(client: httpx.AsyncClient, lab: Counting) -> None:
    events = dict(parse((await client.get(f"{LAB}/run")).text))
    assert '<p class="reading">Read.</p>' in events["illustration"]["html"]
    assert "table.csv" not in events["illustration"]["html"]


async def test_a_lab_that_trains_says_so_and_still_answers_whole(
    client: httpx.AsyncClient, lab: Counting
) -> None:
    listed = {lab["name"]: lab["streams"] for lab in (await client.get("/api/labs")).json()}
    assert listed["cross-attention"]
    assert not listed["padding"]
    assert (await client.get(f"/api{LAB}")).json()["reading"]
    page = (await client.get(LAB)).text
    assert "<noscript>" in page
    assert "Train</button>" in page


async def test_what_does_not_stream_or_does_not_fit_is_refused(
    client: httpx.AsyncClient, lab: Counting
) -> None:
    assert (await client.get("/api/labs/padding/run")).status_code == 404
    response = await client.get(f"/api{LAB}/run?head=9")
    assert response.status_code == 422
    assert "head" in response.json()["detail"]


async def test_a_run_ends_at_its_time(
    client: httpx.AsyncClient, lab: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "SECONDS", 0)
    events = parse((await client.get(f"/api{LAB}/run")).text)
    assert [name for name, _ in events] == ["progress", "done"]
    assert events[1][1]["reason"] == "time"
    assert lab.told == 1
    assert lab.closed.is_set()


async def test_what_cannot_be_read_and_what_breaks_are_told(
    client: httpx.AsyncClient, lab: Counting
) -> None:
    lab.fault = UnfitInput("No such word.")
    events = parse((await client.get(f"/api{LAB}/run")).text)
    assert events[-1] == ("fault", {"detail": "No such word."})


async def test_a_run_stops_when_its_client_goes_away(app: FastAPI, lab: Counting) -> None:
    lab.frames = 10_000
    sent: list[dict[str, Any]] = []
    enough = anyio.Event()

    async def receive() -> dict[str, Any]:
        if not sent:
            return {"type": "http.request", "body": b"", "more_body": False}
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if len(sent) > 5:
            enough.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api{LAB}/run",
        "raw_path": f"/api{LAB}/run".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000")],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "asgi": {"version": "3.0"},
    }
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)  # type: ignore[arg-type]
        assert app.state.runs.line == []
    assert lab.closed.is_set()
    assert lab.told < lab.frames


async def test_a_run_that_waits_is_told_how_long(
    app: FastAPI, client: httpx.AsyncClient, lab: Counting
) -> None:
    runs = app.state.runs
    events: list[Event] = []

    async def stream() -> None:
        events.extend(parse((await client.get(f"/api{LAB}/run", headers={"Run": "mine"})).text))

    async with anyio.create_task_group() as group, runs.seat(Run("training-run", long=True)):
        group.start_soon(stream)
        while not runs.find("mine"):
            await anyio.sleep(0.01)
        line = (await client.get("/api/runs")).json()
        assert [run["lab"] for run in line["computing"]] == ["training-run"]
        [wait] = line["waiting"]
        assert (wait["run"], wait["before"]) == ("mine", 0)
        assert wait["seconds"] > 10
        await anyio.sleep(0.1)
    assert events[0][0] == "waiting"
    assert events[0][1]["says"].startswith("Other labs are computing.")
    assert events[-1][0] == "done"


async def test_a_page_does_not_wait_long_for_its_picture(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    runs = app.state.runs
    runs.took["slow", False].append(60)
    began = monotonic()
    async with runs.seat(Run("slow")), runs.seat(Run("slow")):
        page = await client.get(LAB)
        taken = monotonic() - began
    assert page.status_code == 200
    [said] = re.findall(r"about (\d+) seconds", page.text)
    assert 60 - taken <= int(said) <= 60
    assert "data-waits" in page.text
    assert 'class="reading"' not in page.text
    assert 'class="reading"' in (await client.get(LAB)).text


async def test_a_prediction_is_kept_once_its_run_has_ended(
    client: httpx.AsyncClient, session: Session, lab: Counting
) -> None:
    address = f"/api{LAB}/predictions"
    response = await client.post(address, json={"choice": 1})
    assert response.status_code == 422
    assert "end" in response.json()["detail"]
    await client.get(f"/api{LAB}/run")
    response = await client.post(address, json={"choice": 1})
    assert response.status_code == 201
    assert response.json()["right"]
    [kept] = predictions.of(session, LOCAL_LEARNER)
    assert (kept.choice, kept.outcome) == (1, 1)
    other = {"choice": 1, "params": {"encoder": "off"}}
    assert (await client.post(address, json=other)).status_code == 422
