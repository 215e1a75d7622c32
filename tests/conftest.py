"""What the tests share: a small bank, an app of its own for each test, a client for it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import torch
from fastapi import FastAPI
from sqlmodel import Session

from app import bank, labs
from app.bank import Bank
from app.main import create_app
from app.settings import Settings
from model.checkpoint import Models

os.environ["HF_HUB_OFFLINE"] = "1"
torch.set_num_threads(1)  # as the app does; more are slower on tensors this small

QUESTION = """\
---
title: {title}
topic: attention
difficulty: {difficulty}
minutes: 4
labs: [self-attention]
points:
{points}
follow_ups: [{follow_up}]
sources:
  - {{title: Attention Is All You Need, authors: Vaswani et al., year: 2017, url: "https://arxiv.org/abs/1706.03762"}}
---
## In thirty seconds

The variance of $q \\cdot k$ is $d_k$.

## In depth

$$
\\mathrm{{Var}}(q \\cdot k) = \\sum_{{i=1}}^{{d_k}} \\mathrm{{Var}}(q_i k_i) = d_k
$$

## In code

```python
import torch

assert torch.ones(4).sum() == 4
```

## Where candidates slip

- They forget the root.

## What a senior adds

- A temperature.
"""
POINT = """\
  - id: point-{number}
    text: Point number {number} is a claim about $d_k$.
    essential: {essential}
    says: [one way, another way, a third way, a fourth way, a fifth way]
    denies: [a wrong way, another wrong way, a third wrong way]
    hint: What of number {number}?
    lab: {{name: {lab}}}
"""


def question_file(title: str, difficulty: str, follow_up: str) -> str:
    """A question file without a fault, with five points; the second names another lab."""
    points = "".join(
        POINT.format(
            number=number,
            essential="true" if number == 1 else "false",
            lab="cross-attention" if number == 2 else "self-attention",
        )
        for number in range(1, 6)
    )
    return QUESTION.format(
        title=title, difficulty=difficulty, follow_up=follow_up, points=points.rstrip()
    )


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """A folder of two questions that follow each other."""
    folder = tmp_path / "questions" / "theory"
    folder.mkdir(parents=True)
    (folder / "01-why-scale.md").write_text(
        question_file("Why are the scores scaled?", "medium", "what-is-a-mask")
    )
    (folder / "02-what-is-a-mask.md").write_text(
        question_file("What is a mask?", "easy", "why-scale")
    )
    return folder.parent


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The same two questions as a bank, for tests without an app."""
    folder = tmp_path_factory.mktemp("bank") / "theory"
    folder.mkdir()
    for number, slug, other in (
        (1, "why-scale", "what-is-a-mask"),
        (2, "what-is-a-mask", "why-scale"),
    ):
        path = folder / f"0{number}-{slug}.md"
        path.write_text(question_file(f"Question {slug}?", "medium", other))
    return bank.load(folder.parent, labs.check)


@pytest.fixture
def settings(tmp_path: Path, questions: Path) -> Settings:
    """Where candidates mark their own: a test that wants a grader sets one that it knows."""
    return Settings(data_dir=tmp_path / "data", questions_dir=questions, grader="self")


@pytest.fixture(scope="session")
def models() -> Models:
    return Models()


@pytest.fixture
def app(settings: Settings, models: Models) -> FastAPI:
    app = create_app(settings)
    app.state.models = models  # the weights are read once for all tests
    return app


@pytest.fixture
def session(app: FastAPI) -> Iterator[Session]:
    with Session(app.state.engine) as session:
        yield session


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        yield client
