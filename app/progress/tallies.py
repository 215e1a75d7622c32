"""What has been practised, and how the points of each answer fell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from app import predictions
from app.bank import Bank
from app.progress.history import Answered, read_answers
from app.progress.outcome import Tally
from app.question import TOPICS, Topic
from app.tables import LabPrediction


@dataclass(frozen=True)
class TopicProgress:
    topic: Topic
    questions: int
    practised: int  # questions answered at least once
    answers: int
    latest: Tally  # of the last marked answer to each question


class Practised(NamedTuple):
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
    answers = [row for row in read_answers(session, learner_id, bank) if row.point_id is None]
    return tally(answers, predictions.of(session, learner_id), bank)


def tally(
    answers: Sequence[Answered], predictions: Sequence[LabPrediction], bank: Bank
) -> Progress:
    """The same from rows that have been read, oldest first."""
    listed = [
        Practised(
            answer_id=answer.id,
            slug=answer.slug,
            title=bank[answer.slug].title,
            topic=bank[answer.slug].topic,
            created_at=answer.at,
            tally=answer.verdicts.tally,
        )
        for answer in reversed(answers)
    ]
    return Progress(
        questions=len(bank),
        practised=len({answer.slug for answer in answers}),
        answers=len(answers),
        predictions=len(predictions),
        foreseen=sum(row.choice == row.outcome for row in predictions),
        topics=_by_topic(bank, listed),
        recent=listed,
    )


def _by_topic(bank: Bank, listed: list[Practised]) -> list[TopicProgress]:
    found: dict[str, list[Practised]] = {topic: [] for topic in TOPICS}
    for row in listed:
        found[row.topic].append(row)
    return [_topic(topic, bank, found[topic]) for topic in TOPICS]


def _topic(topic: Topic, bank: Bank, here: list[Practised]) -> TopicProgress:
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
