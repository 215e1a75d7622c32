"""One step back in a session of practice: every row that the step touched, as it was before."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, SQLModel, col, select

from app import drafts
from app.tables import Answer, Card, Draft, PracticeItem, PracticeSession, Review, Verdict

Snapshot = dict[str, Any]


def snapshot(session: Session, sitting: PracticeSession, item: PracticeItem) -> Snapshot:
    """What a step on `item` may change, as JSON that a row of the session can hold."""
    key = drafts.key(item.slug, item.point_id)
    session.refresh(sitting)  # a row that has expired would be dumped without its columns
    return {
        "item": item.id,
        "session": sitting.model_dump(mode="json", exclude={"undo"}),
        "items": [row.model_dump(mode="json") for row in _items(session, sitting)],
        "card": _dumped(session.get(Card, (item.learner_id, item.slug))),
        "draft": _dumped(session.get(Draft, (item.learner_id, key))),
    }


def restore(session: Session, sitting: PracticeSession, before: Snapshot) -> None:
    """Put everything back as it was when `before` was taken; not committed yet.

    What was typed is kept: an answer taken back is a draft again.
    """
    item = session.get_one(PracticeItem, before["item"])
    key = drafts.key(item.slug, item.point_id)
    if "review" in before:
        session.exec(delete(Review).where(col(Review.id) == before["review"]))
        _put_back(session, Card, (item.learner_id, item.slug), before["card"])
    typed = None
    if "answer" in before:
        typed = session.get_one(Answer, before["answer"]).text
    old = {row["id"]: row for row in before["items"]}
    for row in _items(session, sitting):
        _put_back(session, PracticeItem, row.id, old.get(row.id))
    session.merge(PracticeSession.model_validate(before["session"] | {"undo": None}))
    session.flush()
    if typed is not None:
        session.exec(delete(Verdict).where(col(Verdict.answer_id) == before["answer"]))
        session.exec(delete(Answer).where(col(Answer.id) == before["answer"]))
        if session.get(Draft, (item.learner_id, key)) is None:
            draft = before["draft"] or {"learner_id": item.learner_id, "slug": key, "text": typed}
            _put_back(session, Draft, (item.learner_id, key), draft)


def _items(session: Session, sitting: PracticeSession) -> Sequence[PracticeItem]:
    return session.exec(select(PracticeItem).where(PracticeItem.session_id == sitting.id)).all()


def _dumped(row: SQLModel | None) -> dict[str, Any] | None:
    return row.model_dump(mode="json") if row else None


def _put_back(
    session: Session, table: type[SQLModel], key: Any, before: dict[str, Any] | None
) -> None:
    """The row at `key` as it was; where it was not there, not there."""
    if before is not None:
        session.merge(table.model_validate(before))
    elif row := session.get(table, key):
        session.delete(row)
