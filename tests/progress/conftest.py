"""Histories for the tests of progress: some built by hand without a database, one simulated."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import Session

from app import bank as banks
from app import labs
from app.bank import Bank
from app.progress.history import Answered, History, Rated, Sitting, Verdicts, read
from app.progress.outcome import held, rubric, share, tally
from app.schedule import Plan, keep, preview
from app.tables import LOCAL_LEARNER, Card, Learner, Mark
from bench.history import simulate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ONE, TWO = "why-scale", "what-is-a-mask"  # each with five points, of which the first is essential

Build = Callable[..., History]


@pytest.fixture
def bank(questions: Path) -> Bank:
    return banks.load(questions, labs.check)


def marks(made: str = "", missing: str = "", contradicted: str = "") -> dict[str, Mark]:
    """Verdicts of points by number: marks("12", missing="3")."""
    given: dict[str, Mark] = {f"point-{number}": "made" for number in made}
    given |= {f"point-{number}": "missing" for number in missing}
    return given | {f"point-{number}": "contradicted" for number in contradicted}


GOOD = marks("12345")
HALF = marks("1", missing="2345")
BAD = marks("", missing="12345")


class Builder:
    """Adds answers and ratings days before NOW, and gives the history that they make."""

    def __init__(self, bank: Bank, **plan: object) -> None:
        self.bank = bank
        self.plan = Plan(NOW, "UTC", 4, **plan)  # type: ignore[arg-type]
        self.answers: list[Answered] = []
        self.reviews: list[Rated] = []
        self.sittings: dict[int, Sitting] = {}

    def answer(
        self,
        slug: str,
        ago: float,
        final: dict[str, Mark],
        *,
        mode: str = "learn",
        rating: int | None = None,
        session: int | None = None,
        **fields: object,
    ) -> "Builder":
        at = NOW - timedelta(days=ago)
        number = len(self.answers) + 1
        sitting = session or number
        self.sittings.setdefault(sitting, Sitting(mode, at))
        given = {"confidence": None, "seconds": 60, "zone": "UTC", "point_id": None} | fields
        self.answers.append(
            Answered(
                id=number,
                slug=slug,
                at=at,
                session_id=sitting,
                verdicts=said(self.bank, slug, final),
                **given,  # type: ignore[arg-type]
            )
        )
        if rating:
            self.reviews.append(Rated(slug, rating, at))
        return self

    def history(self) -> History:
        answers = sorted(self.answers, key=lambda one: one.at)
        return History(
            bank=self.bank,
            plan=self.plan,
            new_per_day=5,
            answers=[one for one in answers if one.point_id is None],
            point_answers=[one for one in answers if one.point_id],
            reviews=sorted(self.reviews, key=lambda one: one.at),
            cards=cards(self.reviews),
            sittings=self.sittings,
        )


def said(bank: Bank, slug: str, final: dict[str, Mark]) -> Verdicts:
    of = rubric(bank[slug])
    return Verdicts(final, final, [], False, tally(final), share(of, final), held(of, final))


def cards(reviews: list[Rated]) -> dict[str, Card]:
    """Cards as the app's own schedule would have kept them."""
    found: dict[str, Card] = {}
    for review in sorted(reviews, key=lambda one: one.at):
        card = found.get(review.slug)
        rated = preview(Plan(review.at, "UTC", 4), card)[review.rating]
        card = found.setdefault(
            review.slug, Card(learner_id=1, slug=review.slug, state=0, due=review.at)
        )
        keep(card, rated)
    return found


@pytest.fixture
def builder(bank: Bank) -> Builder:
    return Builder(bank)


@pytest.fixture
def simulated(app: FastAPI, session: Session) -> History:
    """120 answers over 40 days, in the database of `session` too."""
    learner = session.get_one(Learner, LOCAL_LEARNER)
    simulate(session, learner, app.state.bank, until=NOW, answers=120, days=40)
    return read(session, LOCAL_LEARNER, app.state.bank, NOW)
