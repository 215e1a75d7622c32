"""What a learner deletes is gone: from the tables, and from the bytes of the file.

Each verb deletes rows and recomputes what was derived from them; `wipe` then makes
SQLite write its file anew. What would go can be counted before.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, delete
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, SQLModel, col, func, or_, select

from app import schedule, wordings
from app.document import TABLES
from app.tables import (
    Answer,
    Card,
    Draft,
    Learner,
    PracticeItem,
    PracticeSession,
    Review,
    Verdict,
    Wording,
)
from app.transfer import name_of


def erase_answer(session: Session, answer: Answer) -> Counter[str]:
    """Delete one answer with what hangs on it; the rows that went, by table. Not committed."""
    gone = _erase_answers(session, answer.learner_id, [answer.id])
    for wording in wordings.of(session, answer.learner_id, answer.slug):
        if wording.text in answer.text:  # the answer's own sentence
            session.delete(wording)
            gone["wording"] += 1
    _forget_steps(session, answer.learner_id, answer.slug)
    if gone["review"]:
        gone += recompute(session, answer.learner_id, answer.slug)
    return +gone


def erase_question(session: Session, learner_id: int, slug: str) -> Counter[str]:
    """Delete all that was answered to a question and its points. Not committed."""
    answers = select(Answer.id).where(Answer.learner_id == learner_id, Answer.slug == slug)
    gone = _erase_answers(session, learner_id, session.exec(answers).all())
    given_up = (
        col(PracticeItem.learner_id) == learner_id,
        col(PracticeItem.slug) == slug,
        col(PracticeItem.answered_at).is_not(None),
    )
    gone += _erase_items(session, session.exec(select(PracticeItem.id).where(*given_up)).all())
    for table in (Card, Draft):
        asked = or_(col(table.slug) == slug, col(table.slug).startswith(f"{slug}#"))
        gone[name_of(table)] += _delete(session, table, col(table.learner_id) == learner_id, asked)
    accepted = (col(Wording.learner_id) == learner_id, col(Wording.slug) == slug)
    gone["wording"] = _delete(session, Wording, *accepted)
    _forget_steps(session, learner_id, slug)
    return +gone


def erase_everything(session: Session, learner_id: int) -> Counter[str]:
    """Delete every row of the learner's, settings too. Not committed."""
    gone = Counter(
        {
            name_of(table): _delete(session, table, table.learner_id == learner_id)  # type: ignore[attr-defined]
            for table in reversed(TABLES)
        }
    )
    learner = session.get_one(Learner, learner_id)
    for name, value in Learner().model_dump(exclude={"id"}).items():
        setattr(learner, name, value)
    session.flush()
    return +gone


def histories(session: Session, learner_id: int) -> dict[str, int]:
    """The questions that have a history, with how many answers, to them or to a point."""
    counts = dict.fromkeys(session.exec(select(Card.slug).where(Card.learner_id == learner_id)), 0)
    for key in session.exec(select(Draft.slug).where(Draft.learner_id == learner_id)):
        counts.setdefault(key.partition("#")[0], 0)
    query = select(Answer.slug, func.count()).where(Answer.learner_id == learner_id)
    return counts | dict(session.exec(query.group_by(Answer.slug)).all())


def recompute(session: Session, learner_id: int, slug: str) -> Counter[str]:
    """The question's card as its remaining ratings make it; without any, no card."""
    card = session.get(Card, (learner_id, slug))
    if card is None:
        return Counter()
    query = select(Review).where(Review.learner_id == learner_id, Review.slug == slug)
    reviews = session.exec(query.order_by(col(Review.reviewed_at), col(Review.id))).all()
    learner = session.get_one(Learner, learner_id)
    replayed = schedule.replay(learner, slug, ((row.rating, row.reviewed_at) for row in reviews))
    if replayed is None:
        session.delete(card)
    else:
        session.merge(replayed)
    session.flush()
    return Counter(card=0 if replayed else 1)


def _erase_answers(session: Session, learner_id: int, numbers: Sequence[Any]) -> Counter[str]:
    items = select(PracticeItem.id).where(
        PracticeItem.learner_id == learner_id, col(PracticeItem.answer_id).in_(numbers)
    )
    gone = _erase_items(session, session.exec(items).all())
    gone["review"] += _delete(session, Review, col(Review.answer_id).in_(numbers))
    gone["verdict"] = _delete(session, Verdict, col(Verdict.answer_id).in_(numbers))
    gone["answer"] = _delete(session, Answer, col(Answer.id).in_(numbers))
    return gone


def _erase_items(session: Session, numbers: Sequence[Any]) -> Counter[str]:
    """Delete items with their ratings; sessions close ranks, and one left empty goes."""
    chosen = col(PracticeItem.id).in_(numbers)
    sittings = session.exec(select(PracticeItem.session_id).where(chosen).distinct()).all()
    gone = Counter(review=_delete(session, Review, col(Review.item_id).in_(numbers)))
    gone["practice_item"] = _delete(session, PracticeItem, chosen)
    for number in sittings:
        left = select(PracticeItem).where(PracticeItem.session_id == number)
        asked = session.exec(left.order_by(col(PracticeItem.position))).all()
        for position, item in enumerate(asked):
            item.position = position
        if not asked:
            gone["practice_session"] += _delete(
                session, PracticeSession, col(PracticeSession.id) == number
            )
    session.flush()
    return gone


def _forget_steps(session: Session, learner_id: int, slug: str) -> None:
    """No session may put back what was deleted: the rows it keeps for that hold the text."""
    query = select(PracticeSession).where(PracticeSession.learner_id == learner_id)
    for sitting in session.exec(query):
        if sitting.undo and any(row["slug"] == slug for row in sitting.undo["items"]):
            sitting.undo = None
    session.flush()


def _delete(session: Session, table: type[SQLModel], *chosen: Any) -> int:
    return session.execute(delete(table).where(*chosen)).rowcount  # type: ignore[attr-defined,no-any-return]


def wipe(engine: Engine, *, patience: int = 5000) -> bool:
    """Leave nothing of what was deleted in the bytes of the database's files.

    False where somebody was reading for all of `patience` milliseconds, so that the old log
    had to stay for them. PostgreSQL does its own cleaning.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")
        try:
            connection.exec_driver_sql("VACUUM")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        except OperationalError:
            return False
        finally:
            connection.exec_driver_sql("PRAGMA busy_timeout = 5000")
    return not busy
