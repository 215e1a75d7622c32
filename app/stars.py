"""Stars: questions that a learner wants to find again."""

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from app.tables import Star


def starred(session: Session, learner_id: int) -> set[str]:
    """The slugs of the learner's starred questions."""
    return set(session.exec(select(Star.slug).where(Star.learner_id == learner_id)))


def put(session: Session, learner_id: int, slug: str) -> None:
    """Star a question; starred already, change nothing."""
    try:
        session.add(Star(learner_id=learner_id, slug=slug))
        session.commit()
    except IntegrityError:
        session.rollback()


def remove(session: Session, learner_id: int, slug: str) -> None:
    """Take a star away; where there is none, change nothing."""
    if star := session.get(Star, (learner_id, slug)):
        session.delete(star)
        session.commit()


def turn(session: Session, learner_id: int, slug: str) -> None:
    """Star a question, or take its star away."""
    change = remove if session.get(Star, (learner_id, slug)) else put
    change(session, learner_id, slug)
