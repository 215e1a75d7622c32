"""A lab's picture is computed once, kept, and drawn anew when the code is another."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.labs import LABS
from app.thumbnails import Thumbnails

pytestmark = pytest.mark.anyio

LAB = LABS["cross-attention"]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The parameters of every run of the lab."""
    compute, seen = LAB.module.illustrate, []

    def illustrate(params: Any, models: Any) -> Any:
        seen.append(params)
        return compute(params, models)

    monkeypatch.setattr(LAB.module, "illustrate", illustrate)
    return seen


async def test_every_lab_of_the_index_has_a_picture_that_waits_to_be_seen(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/labs")).text
    pictures = re.findall(r'<img src="/labs/([\w-]+)/thumbnail.svg\?\w+"[^>]*loading="lazy"', page)
    links = re.findall(r'<a href="/labs/([\w-]+)">', page)
    assert pictures == links
    assert pictures


async def test_a_picture_is_computed_once(
    client: httpx.AsyncClient, app: FastAPI, runs: list[Any]
) -> None:
    thumbnails: Thumbnails = app.state.thumbnails
    address = thumbnails.url(LAB)
    first = await client.get(address)
    assert first.headers["Content-Type"].startswith("image/svg+xml")
    assert "immutable" in first.headers["Cache-Control"]
    assert (await client.get(address)).content == first.content
    assert Thumbnails(thumbnails.folder).find(LAB) == first.text
    assert runs == [LAB.params()]


async def test_other_code_gives_another_address_and_throws_the_old_picture_away(
    client: httpx.AsyncClient, app: FastAPI, runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    thumbnails: Thumbnails = app.state.thumbnails
    address = thumbnails.url(LAB)
    await client.get(address)
    monkeypatch.setattr("app.thumbnails.CODE", ("app/labs/attention.py",))
    app.state.thumbnails = Thumbnails(thumbnails.folder)
    assert app.state.thumbnails.url(LAB) != address
    await client.get(app.state.thumbnails.url(LAB))
    assert len(runs) == 2
    assert len(list(thumbnails.folder.iterdir())) == 1


async def test_an_unknown_lab_has_no_picture(client: httpx.AsyncClient) -> None:
    assert (await client.get("/labs/phrenology/thumbnail.svg")).status_code == 404
