"""Sessions of practice as JSON: the same steps as the pages take."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import practice, schedule, sessions, steps
from app.bank import Bank
from app.db import SessionDep
from app.practice import AnswerForm
from app.question import Question
from app.queues import Choice
from app.routes.answers import summarise
from app.routes.depends import BankDep, CandidateDep, LearnerDep, SittingDep, the_question
from app.routes.practice import rng
from app.tables import Card, Learner, PracticeItem, PracticeSession

router = APIRouter(prefix="/api/practice", tags=["practice"])
Rating = Annotated[int, Field(ge=1, le=4)]


class SessionAnswerForm(AnswerForm):
    """An answer to what the session asks now; `position` says what that was."""

    position: int | None = Field(default=None, ge=0)
    rating: Rating | None = None


class RatingForm(BaseModel):
    """1 Again, 2 Hard, 3 Good, 4 Easy. Without a position: the last answer not rated."""

    model_config = ConfigDict(extra="forbid")

    rating: Rating
    position: int | None = Field(default=None, ge=0)


@router.get("")
def list_sessions(session: SessionDep, bank: BankDep, learner: LearnerDep) -> list[dict[str, Any]]:
    """The sessions that can be gone on with, newest first."""
    return [_shown(session, sitting, bank) for sitting in sessions.unfinished(session, learner)]


@router.post("", status_code=201)
def start(
    choice: Choice, session: SessionDep, bank: BankDep, candidate: CandidateDep
) -> dict[str, Any]:
    """Begin a session. 409 where nothing fits the choice, or nothing is due."""
    try:
        sitting = sessions.start(session, candidate, bank, choice, rng)
    except sessions.NothingToAsk as error:
        raise HTTPException(409, str(error)) from error
    return _shown(session, sitting, bank)


@router.get("/{session_id}")
def read(sitting: SittingDep, session: SessionDep, bank: BankDep) -> dict[str, Any]:
    """Where the session stands. `position` counts what has been answered."""
    return _shown(session, sitting, bank)


@router.post("/{session_id}/answers", status_code=201)
def answer(
    request: Request,
    sitting: SittingDep,
    form: SessionAnswerForm,
    session: SessionDep,
    bank: BankDep,
    candidate: CandidateDep,
) -> dict[str, Any]:
    """Answer what is asked, and rate it where a rating is sent along.

    409 where `position` was answered before (the text is kept as a draft), or where the
    session has nothing more to ask.
    """
    asked = sessions.items(session, sitting)
    item = _at(asked, form.position) if form.position is not None else sessions.current(asked)
    if item is None or (sitting.finished_at and item.answered_at is None):
        raise HTTPException(409, "This session has nothing more to ask.")
    question = the_question(item, bank)
    plain = AnswerForm.model_validate(form.model_dump(exclude={"position", "rating"}))
    grader = request.app.state.grader
    try:
        kept = steps.answer(session, sitting, item, question, plain, grader, candidate.zone)
    except steps.Stale as error:
        detail = "This was answered already. Your text is kept as a draft of the question."
        raise HTTPException(409, detail) from error
    if form.rating and item.point_id is None and item.rated_at is None:
        steps.rate(session, candidate, sitting, item, question, form.rating)
    given = summarise(kept, question, practice.verdicts(session, [kept]))
    if item.point_id:
        given["verdicts"] = [row for row in given["verdicts"] if row["id"] == item.point_id]
    return given | {
        "suggested": None if item.point_id else steps.suggested(session, item, question),
        "dates": _dates(session, candidate, item),
        "session": _shown(session, sitting, bank),
    }


@router.post("/{session_id}/rating")
def rate(
    sitting: SittingDep,
    form: RatingForm,
    session: SessionDep,
    bank: BankDep,
    candidate: CandidateDep,
) -> dict[str, Any]:
    """Rate an answer: FSRS sets the question's next date. 409 where it has a rating."""
    asked = sessions.items(session, sitting)
    waiting = [row for row in asked if row.answered_at and not row.rated_at and not row.point_id]
    last = waiting[-1] if waiting else None
    item = _at(asked, form.position) if form.position is not None else last
    if item is None:
        raise HTTPException(409, "This session has no answer that waits for its rating.")
    try:
        card = steps.rate(session, candidate, sitting, item, the_question(item, bank), form.rating)
    except steps.Stale as error:
        raise HTTPException(409, "This answer has its rating, or cannot have one.") from error
    return {"due": card.due, "session": _shown(session, sitting, bank)}


@router.post("/{session_id}/hint")
def hint(sitting: SittingDep, session: SessionDep, bank: BankDep) -> dict[str, Any]:
    """A hint for what is asked: it costs a mark, and the suggestion is Hard at most."""
    item = sessions.current(sessions.items(session, sitting))
    if item is None or sitting.finished_at:
        raise HTTPException(409, "This session has nothing more to ask.")
    return {"hint": steps.hint(session, item, the_question(item, bank)).hint}


@router.post("/{session_id}/undo")
def undo(sitting: SittingDep, session: SessionDep, bank: BankDep) -> dict[str, Any]:
    """Take the last step back, once. 409 where there is none to take back."""
    try:
        steps.undo_last(session, sitting)
    except steps.NothingToUndo as error:
        raise HTTPException(409, "There is no step to take back.") from error
    return _shown(session, sitting, bank)


@router.post("/{session_id}/finish")
def finish(sitting: SittingDep, session: SessionDep, bank: BankDep) -> dict[str, Any]:
    """End the session; what was not asked is left out of it."""
    sessions.finish(session, sitting)
    return _shown(session, sitting, bank)


def _at(asked: list[PracticeItem], position: int) -> PracticeItem:
    if position >= len(asked):
        raise HTTPException(422, f"This session asks {len(asked)} things, counted from 0.")
    return asked[position]


def _shown(session: Session, sitting: PracticeSession, bank: Bank) -> dict[str, Any]:
    asked = sessions.items(session, sitting)
    item = None if sitting.finished_at else sessions.current(asked)
    waiting = None if sitting.finished_at else sessions.unrated(sitting, asked)
    return {
        "id": sitting.id,
        "mode": sitting.mode,
        "minutes": sitting.minutes,
        "started_at": sitting.started_at,
        "position": sum(row.answered_at is not None for row in asked),
        "count": len(asked),
        "current": _asked(item, the_question(item, bank)) if item else None,
        "unrated": waiting.slug if waiting else None,
        "finished": sitting.finished_at is not None,
    }


def _asked(item: PracticeItem, question: Question) -> dict[str, Any]:
    point = question.point(item.point_id) if item.point_id else None
    return {
        "slug": item.slug,
        "title": question.title,
        "prompt": point.hint if point else question.asks,
        "kind": item.kind,
        "point": item.point_id,
        "minutes": 1 if point else question.minutes,
    }


def _dates(session: Session, candidate: Learner, item: PracticeItem) -> dict[int, datetime] | None:
    """What each of the four ratings would make of the question's next date."""
    if item.point_id or item.rated_at:
        return None
    card = session.get(Card, (item.learner_id, item.slug))
    rated = schedule.preview(schedule.plan(candidate), card)
    return {rating: card.due for rating, card in rated.items()}
