"""What a learner's rows say of each question: practised, marked, starred, scheduled."""

from dataclasses import dataclass
from typing import cast

from sqlmodel import Session, col, func, select

from app import stars
from app.question import Question
from app.schedule import AGAIN, Plan, suggest
from app.tables import Answer, Card, Mark, Review, Verdict

Marks = dict[str, dict[str, Mark]]  # by slug and point


@dataclass(frozen=True)
class Memory:
    """All that the queues ask about a learner, read at one moment."""

    cards: dict[str, Card]
    practised: dict[str, int]  # answers to each question
    marks: Marks  # the last verdict on each point, whichever answer it was given to
    starred: set[str]

    def is_weak(self, question: Question) -> bool:
        """Whether the rule would rate what is known of the question as Again."""
        marks = self.marks.get(question.slug, {})
        return bool(marks) and suggest(question, marks) == AGAIN

    def unmade(self, question: Question) -> list[str]:
        """The points that the learner last contradicted or left out, contradicted ones first."""
        marks = self.marks.get(question.slug, {})
        return [
            point.id
            for wanted in ("contradicted", "missing")
            for point in question.points
            if marks.get(point.id) == wanted
        ]


def recall(session: Session, learner_id: int) -> Memory:
    return Memory(
        cards=cards(session, learner_id),
        practised=practised(session, learner_id),
        marks=latest_marks(session, learner_id),
        starred=stars.starred(session, learner_id),
    )


def cards(session: Session, learner_id: int) -> dict[str, Card]:
    """The learner's FSRS cards by slug."""
    found = session.exec(select(Card).where(Card.learner_id == learner_id))
    return {card.slug: card for card in found}


def practised(session: Session, learner_id: int) -> dict[str, int]:
    """How often the learner has practised each question: answers submitted to the whole of it.

    The one definition of a practice: an answer to a single point belongs to the practice
    that asked for it, and what was begun and not submitted is none.
    """
    query = (
        select(Answer.slug, func.count(col(Answer.id)))
        .where(Answer.learner_id == learner_id, col(Answer.point_id).is_(None))
        .group_by(Answer.slug)
    )
    return dict(session.exec(query).all())


def latest_marks(session: Session, learner_id: int) -> Marks:
    """The last verdict on each point of each question, whichever answer it was given to."""
    query = (
        select(Answer.slug, Verdict.point_id, Verdict.verdict)
        .join(Answer, col(Verdict.answer_id) == col(Answer.id))
        .where(Verdict.learner_id == learner_id)
        .order_by(col(Answer.created_at), col(Answer.id), col(Verdict.created_at), col(Verdict.id))
    )
    marks: Marks = {}
    for slug, point_id, verdict in session.exec(query):
        marks.setdefault(slug, {})[point_id] = cast(Mark, verdict)
    return marks


def introduced_today(session: Session, learner_id: int, plan: Plan) -> int:
    """Questions whose first rating fell on the plan's day."""
    query = (
        select(func.min(Review.reviewed_at))
        .where(Review.learner_id == learner_id)
        .group_by(Review.slug)
    )
    return sum(first >= plan.day_began for first in session.exec(query))
