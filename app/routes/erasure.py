"""Deleting one's data: a page that says what would go, and the button on it that does it."""

from collections import Counter
from typing import Annotated, cast

from fastapi import APIRouter, Form, HTTPException, Query, Request
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from app import erasure, practice
from app.db import SessionDep
from app.routes.depends import BankDep, LearnerDep, page
from app.tables import Answer, RowId

router = APIRouter()
# What the confirming page calls the rows of each table.
NOUNS = {
    "answer": ("answer", "answers"),
    "verdict": ("verdict on a point", "verdicts on points"),
    "review": ("rating", "ratings"),
    "card": ("date of a next review", "dates of next reviews"),
    "practice_session": ("session", "sessions"),
    "practice_item": ("place in a session", "places in sessions"),
    "lab_prediction": ("prediction in a lab", "predictions in labs"),
    "draft": ("draft", "drafts"),
    "note": ("note", "notes"),
    "star": ("star", "stars"),
    "story": ("story", "stories"),
    "wording": ("accepted wording", "accepted wordings"),
}


class Choice(BaseModel):
    """What is to go: one answer, one question's history, or, with neither, everything."""

    answer: RowId | None = None
    question: str | None = None
    everything: bool = False


@router.get("/data/delete", include_in_schema=False)
def ask(
    request: Request,
    choice: Annotated[Choice, Query()],
    bank: BankDep,
    session: SessionDep,
    learner: LearnerDep,
) -> Response:
    return _ask(request, choice, session, learner)


def _ask(
    request: Request, choice: Choice, session: Session, learner: int, *, has_changed: bool = False
) -> Response:
    answer = _answer(session, learner, choice)
    gone = _counted(session, learner, choice)
    slug = answer.slug if answer else choice.question
    return page(
        request,
        "data/delete.html",
        status_code=409 if has_changed else 200,
        choice=choice,
        answer=answer,
        slug=slug,
        title=_title(request, slug),
        gone=[
            f"{gone[name]:,} {nouns[gone[name] > 1]}" for name, nouns in NOUNS.items() if gone[name]
        ],
        total=gone.total(),
        has_changed=has_changed,
    )


@router.post("/data/delete", include_in_schema=False)
def delete(
    request: Request,
    choice: Annotated[Choice, Form()],
    session: SessionDep,
    learner: LearnerDep,
    total: Annotated[int, Query()],
) -> Response:
    """Delete what the page said would go; where that has grown since, ask once more."""
    if _counted(session, learner, choice).total() != total:
        return _ask(request, choice, session, learner, has_changed=True)
    _erase(session, learner, choice)
    session.commit()
    session.close()
    is_wiped = erasure.wipe(request.app.state.engine)
    return RedirectResponse(f"/data?deleted={'wiped' if is_wiped else 'busy'}", 303)


def _counted(session: Session, learner: int, choice: Choice) -> Counter[str]:
    """What would go, found out by deleting it and taking that back."""
    gone = _erase(session, learner, choice)
    session.rollback()
    return gone


def _erase(session: Session, learner: int, choice: Choice) -> Counter[str]:
    if answer := _answer(session, learner, choice):
        return erasure.erase_answer(session, answer)
    if choice.question is not None:
        return erasure.erase_question(session, learner, choice.question)
    if choice.everything:
        return erasure.erase_everything(session, learner)
    raise HTTPException(422, "Say what is to be deleted: an answer, a question, or everything.")


def _answer(session: Session, learner: int, choice: Choice) -> Answer | None:
    if choice.answer is None:
        return None
    answer = practice.find_answer(session, learner, choice.answer)
    if answer is None:
        raise HTTPException(404, "There is no such answer: it may have been deleted already.")
    return answer


def _title(request: Request, slug: str | None) -> str | None:
    bank = request.app.state.bank
    return cast(str, bank[slug].title) if slug in bank else slug
