"""Sessions of practice: what is asked, and where one stands. `steps` goes through them.

A session is a list of items in the database, made when it starts.
"""

import random
from collections.abc import Sequence
from typing import cast

from sqlmodel import Session, col, desc, select

from app import memory, queues, schedule, stories
from app.bank import Bank
from app.queues import Asked, Choice
from app.tables import (
    Learner,
    PracticeItem,
    PracticeSession,
    Review,
    now,
)

# Modes in which every answer is marked and rated before the next question is asked. A mock
# interview and a talk are rated afterwards; a drill asks for points, which have no dates.
RATED_AT_ONCE = frozenset({"learn", "review", "quickfire"})
STORY_QUESTION = "sharing-a-project"  # whose rubric a story of one's own is held to


class NothingToAsk(Exception):
    """No question fits what the session was to be."""


def start(
    session: Session, learner: Learner, bank: Bank, choice: Choice, rng: random.Random
) -> PracticeSession:
    """Begin a session for `choice`. Raises NothingToAsk with a sentence that says why not."""
    queue = _queue(session, learner, bank, choice, rng)
    sitting = PracticeSession(
        learner_id=cast(int, learner.id),
        mode=choice.mode,
        minutes=choice.minutes or (45 if choice.mode == "mock" else None),
    )
    session.add(sitting)
    session.flush()
    for position, asked in enumerate(queue):
        session.add(make_item(sitting, position, asked))
    session.flush()
    first = items(session, sitting)[0]
    first.opened_at = None if sitting.mode == "learn" else now()
    session.commit()
    return sitting


def _queue(
    session: Session, learner: Learner, bank: Bank, choice: Choice, rng: random.Random
) -> list[Asked]:
    if choice.story is not None:
        if stories.find(session, cast(int, learner.id), choice.story) is None:
            raise NothingToAsk("There is no such story.")
        if STORY_QUESTION not in bank:
            raise NothingToAsk("This bank has no question about a project of one's own.")
        return [Asked("talk", STORY_QUESTION, story_id=choice.story)]
    questions = bank.select(deck=choice.deck, topic=choice.topic, difficulty=choice.difficulty)
    if choice.question is not None:
        if choice.question not in bank:
            raise NothingToAsk(f"There is no question “{choice.question}”.")
        questions = [bank[choice.question]]
        if choice.mode != "drill":
            return [Asked("talk" if questions[0].parts else "question", choice.question)]
    known = memory.recall(session, cast(int, learner.id))
    plan = schedule.plan(learner)
    queue = queues.compose(
        choice,
        questions,
        known,
        plan,
        learner.new_per_day - memory.introduced_today(session, cast(int, learner.id), plan),
        rng,
    )
    if not queue:
        raise NothingToAsk(EMPTY[choice.mode])
    return queue


EMPTY = {
    "learn": "Every question that fits has been answered: review it, or widen the choice.",
    "review": "Nothing that fits is due today, and the day's new questions are used up.",
    "quickfire": "No quick-fire question fits this choice.",
    "mock": "No question fits this choice.",
    "talk": "No talk fits this choice.",
    "drill": "No point that fits was missed or contradicted last time.",
}


def find(session: Session, learner_id: int, session_id: int) -> PracticeSession | None:
    query = select(PracticeSession).where(
        PracticeSession.id == session_id, PracticeSession.learner_id == learner_id
    )
    return session.exec(query).first()


def unfinished(session: Session, learner_id: int) -> list[PracticeSession]:
    """Sessions that can be gone on with, newest first."""
    query = (
        select(PracticeSession)
        .where(PracticeSession.learner_id == learner_id)
        .where(col(PracticeSession.finished_at).is_(None))
        .order_by(desc(col(PracticeSession.id)))
    )
    return list(session.exec(query))


def items(session: Session, sitting: PracticeSession) -> list[PracticeItem]:
    """What the session asks, in order."""
    query = select(PracticeItem).where(PracticeItem.session_id == sitting.id)
    return list(session.exec(query.order_by(col(PracticeItem.position))))


def current(asked: Sequence[PracticeItem]) -> PracticeItem | None:
    """The first item not answered."""
    return next((item for item in asked if item.answered_at is None), None)


def unrated(sitting: PracticeSession, asked: Sequence[PracticeItem]) -> PracticeItem | None:
    """The first item that waits for its rating before the session goes on."""
    if sitting.mode not in RATED_AT_ONCE:
        return None
    return next((item for item in asked if item.answered_at and not item.rated_at), None)


def reviews(session: Session, sitting: PracticeSession) -> dict[int, Review]:
    """The session's ratings by item."""
    query = select(Review).join(PracticeItem).where(PracticeItem.session_id == sitting.id)
    return {review.item_id: review for review in session.exec(query)}


def finish(session: Session, sitting: PracticeSession) -> None:
    """End a session early; what was not asked is left out of it. Ended already, do nothing."""
    if sitting.finished_at is None:
        sitting.finished_at = now()
        session.commit()


def make_item(sitting: PracticeSession, position: int, asked: Asked) -> PracticeItem:
    return PracticeItem(
        learner_id=sitting.learner_id,
        session_id=cast(int, sitting.id),
        position=position,
        kind=asked.kind,
        slug=asked.slug,
        point_id=asked.point_id,
        story_id=asked.story_id,
    )
