"""What a learner has practised and how it went, as the progress page shows it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlmodel import Session

from app import practice
from app.bank import Bank
from app.question import TOPICS, Topic


@dataclass(frozen=True)
class Tally:
    """How the marked points of some answers fell."""

    made: int = 0
    missing: int = 0
    contradicted: int = 0

    @property
    def marked(self) -> int:
        return self.made + self.missing + self.contradicted


@dataclass(frozen=True)
class TopicProgress:
    topic: Topic
    questions: int
    practised: int  # questions answered at least once
    answers: int
    latest: Tally  # of the last marked answer to each question


@dataclass(frozen=True)
class Practised:
    """One submitted answer as the progress page lists it."""

    answer_id: int
    slug: str
    title: str
    topic: Topic
    created_at: datetime
    tally: Tally


@dataclass(frozen=True)
class Progress:
    questions: int
    practised: int
    answers: int
    predictions: int  # made in labs
    foreseen: int  # of these, as many came out so
    topics: list[TopicProgress]
    recent: list[Practised]


def measure(session: Session, learner_id: int, bank: Bank) -> Progress:
    """All answers to questions that the bank still has, newest first, with their tallies."""
    answers = [row for row in practice.history(session, learner_id) if row.slug in bank]
    predictions = practice.predictions(session, learner_id)
    tallies = {
        answer_id: Tally(**_count(row.verdict for row in points.values()))
        for answer_id, points in practice.verdicts(session, answers).items()
    }
    listed = [
        Practised(
            answer_id=cast(int, answer.id),
            slug=answer.slug,
            title=bank[answer.slug].title,
            topic=bank[answer.slug].topic,
            created_at=answer.created_at,
            tally=tallies[cast(int, answer.id)],
        )
        for answer in answers
    ]
    return Progress(
        questions=len(bank),
        practised=len({answer.slug for answer in answers}),
        answers=len(answers),
        predictions=len(predictions),
        foreseen=sum(row.choice == row.outcome for row in predictions),
        topics=[_topic(topic, bank, listed) for topic in TOPICS],
        recent=listed,
    )


def _topic(topic: Topic, bank: Bank, listed: list[Practised]) -> TopicProgress:
    here = [row for row in listed if row.topic == topic]
    latest: dict[str, Tally] = {}
    for row in here:  # newest first
        if row.tally.marked:
            latest.setdefault(row.slug, row.tally)
    return TopicProgress(
        topic=topic,
        questions=len(bank.select(topic=topic)),
        practised=len({row.slug for row in here}),
        answers=len(here),
        latest=Tally(
            made=sum(tally.made for tally in latest.values()),
            missing=sum(tally.missing for tally in latest.values()),
            contradicted=sum(tally.contradicted for tally in latest.values()),
        ),
    )


def _count(marks: Iterable[str]) -> dict[str, int]:
    counts = Counter(marks)
    return {name: counts[name] for name in ("made", "missing", "contradicted")}
