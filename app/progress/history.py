"""Everything that progress is measured on, read once: columns, not objects of the ORM.

Only submitted answers are here. An answer to the whole of a question is a practice; one to a
single point is none, since the point itself was the question (see `memory.practised`). Times
order everything: verdicts count from the answer that they are about, whenever given.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache, reduce
from typing import NamedTuple, cast

from sqlalchemy import String, func
from sqlalchemy import cast as cast_as
from sqlmodel import Session, case, col, select

from app import memory, predictions, schedule
from app.bank import Bank
from app.practice import SELF
from app.progress import outcome
from app.progress.outcome import Marks, Rubric, Tally
from app.question import Question
from app.schedule import Plan
from app.tables import (
    Answer,
    Card,
    LabPrediction,
    Learner,
    Mark,
    PracticeItem,
    PracticeSession,
    Review,
    Verdict,
)


@dataclass(frozen=True)
class Verdicts:
    """All that was said of one answer, and what it comes to."""

    final: Marks  # the last verdict of each point
    graded: Marks  # the grader's last
    stated: list[tuple[float, bool]]  # the grader's confidences, and whether its verdict stood
    is_changed: bool  # whether the candidate marked a point
    tally: Tally
    share: float  # of the essential points, made
    held: bool | None


UNMARKED = Verdicts({}, {}, [], is_changed=False, tally=Tally(), share=0.0, held=None)


class Answered(NamedTuple):
    """A submitted answer: when, how long, how sure, in which kind of session, how it was marked."""

    id: int
    slug: str
    point_id: str | None
    confidence: str | None
    seconds: int | None
    zone: str
    at: datetime
    session_id: int | None
    verdicts: Verdicts


class Rated(NamedTuple):
    slug: str
    rating: int
    at: datetime


class Sitting(NamedTuple):
    mode: str
    started_at: datetime


@dataclass(frozen=True)
class History:
    """One learner's practice, oldest first, at the moment of `plan`."""

    bank: Bank
    plan: Plan
    new_per_day: int
    answers: list[Answered] = field(default_factory=list)  # to whole questions
    point_answers: list[Answered] = field(default_factory=list)
    reviews: list[Rated] = field(default_factory=list)
    cards: dict[str, Card] = field(default_factory=dict)
    sittings: dict[int, Sitting] = field(default_factory=dict)
    predictions: list[LabPrediction] = field(default_factory=list)

    @cached_property
    def asked(self) -> list[Question]:
        """What an interviewer may ask: every question but the timed talks."""
        return [question for question in self.bank.values() if question.deck != "talks"]

    @cached_property
    def by_question(self) -> dict[str, list[Answered]]:
        """Answers to whole questions by slug, oldest first."""
        found: dict[str, list[Answered]] = {}
        for answer in self.answers:
            found.setdefault(answer.slug, []).append(answer)
        return found

    @cached_property
    def marked(self) -> dict[str, list[Answered]]:
        """Those of them that have a verdict."""
        return {
            slug: kept
            for slug, answers in self.by_question.items()
            if (kept := [answer for answer in answers if answer.verdicts.final])
        }

    @cached_property
    def shares(self) -> dict[str, list[tuple[datetime, float]]]:
        """For each question the share of essential points of each marked answer, and when."""
        return {
            slug: [(answer.at, answer.verdicts.share) for answer in answers]
            for slug, answers in self.marked.items()
        }

    def mode(self, answer: Answered) -> str | None:
        """The kind of session that asked for an answer, where one did."""
        sitting = self.sittings.get(answer.session_id) if answer.session_id else None
        return sitting.mode if sitting else None


def read(session: Session, learner_id: int, bank: Bank, moment: datetime | None = None) -> History:
    """All rows of a learner's that are about questions which the bank still has."""
    learner = session.get_one(Learner, learner_id)
    answers = read_answers(session, learner_id, bank)
    return History(
        bank=bank,
        plan=schedule.plan(learner, moment),
        new_per_day=learner.new_per_day,
        answers=[answer for answer in answers if answer.point_id is None],
        point_answers=[answer for answer in answers if answer.point_id is not None],
        reviews=_reviews(session, learner_id, bank),
        cards={
            slug: card for slug, card in memory.cards(session, learner_id).items() if slug in bank
        },
        sittings=_sittings(session, learner_id),
        predictions=predictions.of(session, learner_id)[::-1],
    )


def read_answers(session: Session, learner_id: int, bank: Bank) -> list[Answered]:
    """All submitted answers, oldest first, with their verdicts."""
    packed = _packed_verdicts(session, learner_id)
    rubrics = {slug: outcome.rubric(question) for slug, question in bank.items()}
    asked_in = dict(
        session.exec(
            select(PracticeItem.answer_id, PracticeItem.session_id).where(
                PracticeItem.learner_id == learner_id, col(PracticeItem.answer_id).is_not(None)
            )
        ).all()
    )
    rows = session.exec(
        select(  # type: ignore[call-overload]
            Answer.id,
            Answer.slug,
            Answer.point_id,
            Answer.confidence,
            Answer.seconds,
            Answer.zone,
            Answer.created_at,
        )
        .where(Answer.learner_id == learner_id)
        .order_by(col(Answer.created_at), col(Answer.id))
    )
    return [
        Answered(
            number,
            slug,
            point,
            confidence,
            seconds,
            zone,
            at,
            asked_in.get(number),
            _unpack(packed[number], rubrics[slug]) if number in packed else UNMARKED,
        )
        for number, slug, point, confidence, seconds, zone, at in rows
        if slug in bank
    ]


def _packed_verdicts(session: Session, learner_id: int) -> dict[int, str]:
    """All verdicts by answer. One row an answer: the rows themselves took four times as long."""
    own = case((col(Verdict.grader) == SELF, "1"), else_="0")
    confidence = func.coalesce(cast_as(col(Verdict.confidence), String), "")
    number = cast_as(col(Verdict.id), String)
    fields = (number, col(Verdict.point_id), col(Verdict.verdict), own, confidence)
    packed = reduce(lambda left, right: left + " " + right, fields)
    query = (
        select(Verdict.answer_id, func.aggregate_strings(packed, ","))
        .where(Verdict.learner_id == learner_id)
        .group_by(col(Verdict.answer_id))
    )
    return dict(session.exec(query).all())


@lru_cache(maxsize=16_384)
def _unpack(text: str, rubric: Rubric) -> Verdicts:
    """Verdicts written as "id point verdict own confidence", in no promised order.

    Kept as long as the text, which names the rows, is the same.
    """
    rows = [row.split(" ") for row in text.split(",")]
    rows.sort(key=lambda row: int(row[0]))
    final = {row[1]: cast(Mark, row[2]) for row in rows if row[1] in rubric.points}
    grader = [row for row in rows if row[3] == "0" and row[1] in final]
    graded = {row[1]: cast(Mark, row[2]) for row in grader}
    confidences = {row[1]: float(row[4]) for row in grader if row[4]}
    return Verdicts(
        final=final,
        graded=graded,
        stated=[
            (confidence, final[point] == graded[point])
            for point, confidence in confidences.items()
            if graded[point] != "unsure"
        ],
        is_changed=any(row[3] == "1" and row[1] in final for row in rows),
        tally=outcome.tally(final),
        share=outcome.share(rubric, final),
        held=outcome.held(rubric, final),
    )


def _reviews(session: Session, learner_id: int, bank: Bank) -> list[Rated]:
    rows = session.exec(
        select(Review.slug, Review.rating, Review.reviewed_at)
        .where(Review.learner_id == learner_id)
        .order_by(col(Review.reviewed_at), col(Review.id))
    )
    return [Rated(*row) for row in rows if row[0] in bank]


def _sittings(session: Session, learner_id: int) -> dict[int, Sitting]:
    rows = session.exec(
        select(PracticeSession.id, PracticeSession.mode, PracticeSession.started_at).where(
            PracticeSession.learner_id == learner_id
        )
    )
    return {cast(int, number): Sitting(mode, started) for number, mode, started in rows}
