"""Accepted wordings: a sentence remembered for a point, listed, let go of."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import RedirectResponse, Response

from app import practice, wordings
from app.db import SessionDep
from app.errors import sentence
from app.question import Question
from app.routes.answers import own_page
from app.routes.depends import LearnerDep, QuestionDep
from app.tables import RowId, Wording
from app.wordings import Settled

router = APIRouter()


class WordingForm(BaseModel):
    """A sentence of an answer, and what it does with a point of the question."""

    model_config = ConfigDict(extra="forbid")

    answer: RowId
    point: str
    verdict: Settled
    text: str = Field(min_length=1)


@router.get("/api/questions/{slug}/wordings", tags=["wordings"])
def list_wordings(
    question: QuestionDep, session: SessionDep, learner: LearnerDep
) -> list[dict[str, Any]]:
    """The sentences that the learner had accepted for this question, oldest first."""
    return [_wording(row) for row in wordings.of(session, learner, question.slug)]


@router.post("/api/questions/{slug}/wordings", status_code=201, tags=["wordings"])
def remember(
    question: QuestionDep, form: WordingForm, session: SessionDep, learner: LearnerDep
) -> dict[str, Any]:
    """Remember a sentence of an answer for a point. Said again, it decides the point."""
    return _wording(_remember(session, question, form, learner))


@router.delete("/api/questions/{slug}/wordings/{wording_id}", status_code=204, tags=["wordings"])
def forget(
    question: QuestionDep, wording_id: RowId, session: SessionDep, learner: LearnerDep
) -> None:
    """Let go of a wording; once more changes nothing."""
    wordings.forget(session, learner, question.slug, wording_id)


@router.post("/questions/{slug}/wordings", include_in_schema=False)
def remember_form(
    question: QuestionDep,
    session: SessionDep,
    learner: LearnerDep,
    answer: Annotated[str, Form()] = "",
    point: Annotated[str, Form()] = "",
    verdict: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    fields = {"answer": answer, "point": point, "verdict": verdict, "text": text}
    try:
        form = WordingForm.model_validate(fields)
    except ValidationError as error:
        raise HTTPException(422, sentence(error.errors())) from error
    _remember(session, question, form, learner)
    here = f"/questions/{question.slug}/answers/{form.answer}"
    return RedirectResponse(f"{own_page(back) or here}#point-{form.point}", 303)


@router.post("/questions/{slug}/wordings/{wording_id}/forget", include_in_schema=False)
def forget_form(
    question: QuestionDep,
    wording_id: RowId,
    session: SessionDep,
    learner: LearnerDep,
    back: Annotated[str, Form()] = "",
) -> Response:
    wordings.forget(session, learner, question.slug, wording_id)
    return RedirectResponse(own_page(back) or f"/questions/{question.slug}", 303)


def _remember(session: SessionDep, question: Question, form: WordingForm, learner: int) -> Wording:
    """Keep the wording; the verdict on its own answer then rests on that sentence."""
    answer = practice.find_answer(session, learner, form.answer)
    if answer is None or answer.slug != question.slug:
        raise HTTPException(404, "There is no answer at this address.")
    if question.point(form.point) is None:
        raise HTTPException(404, f"This question has no key point “{form.point}”.")
    # A browser sends a line end in a field as two characters; the answer has one.
    text = form.text.replace("\r\n", "\n").strip()
    try:
        kept = wordings.remember(session, answer, form.point, form.verdict, text)
    except wordings.NotAWording as error:
        raise HTTPException(422, f"{str(error).capitalize()}.") from error
    practice.mark(session, answer, question, {form.point: form.verdict}, quote=text)
    session.refresh(kept)
    return kept


def _wording(row: Wording) -> dict[str, Any]:
    return row.model_dump(mode="json", include={"id", "point_id", "text", "verdict", "created_at"})
