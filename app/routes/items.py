"""One item of a session as pages: asked, answered, looked at, rated."""

from contextlib import suppress
from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import APIRouter, Form, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from app import drafts, practice, schedule, sessions, steps, stories
from app.db import SessionDep
from app.drafts import DraftForm
from app.errors import sentence
from app.practice import ANSWER_LIMIT, AnswerForm, SpokenForm
from app.question import Point, Question
from app.routes.answers import MARKS, MarksForm, illustration, margin, marked
from app.routes.depends import (
    AskedDep,
    BankDep,
    CandidateDep,
    GraderDep,
    ItemDep,
    SentDep,
    SittingDep,
    page,
)
from app.tables import Answer, Card, Draft, PracticeItem, PracticeSession, Verdict

router = APIRouter(prefix="/practice/{session_id}/items/{position}", include_in_schema=False)


def ask_page(
    request: Request,
    sitting: PracticeSession,
    item: PracticeItem,
    question: Question,
    session: Session,
    *,
    typed: str | None = None,
    fault: str = "",
    status_code: int = 200,
) -> Response:
    """The page on which an item is answered; `typed` is what a refused form held."""
    key = drafts.key(item.slug, item.point_id)
    draft = drafts.find(session, Draft, item.learner_id, key)
    story = stories.find(session, item.learner_id, item.story_id) if item.story_id else None
    return page(
        request,
        "practice/talk.html" if item.kind == "talk" else "practice/ask.html",
        status_code=status_code,
        sitting=sitting,
        item=item,
        asked=sessions.items(session, sitting),
        question=question,
        point=question.point(item.point_id) if item.point_id else None,
        hint=question.point(item.hinted) if item.hinted else None,
        story=story,
        parts=stories.parts(story) if story else question.parts,
        key=key,
        text=typed if typed is not None else draft.text if draft else "",
        revision=draft.revision if draft else 0,
        seconds=draft.seconds if draft else 0,
        submission=uuid4().hex,
        limit=ANSWER_LIMIT,
        fault=fault,
        illustration=illustration(question, {}),
    )


@router.post("/open")
def open_item(sitting: SittingDep, item: ItemDep, session: SessionDep) -> Response:
    steps.open_item(session, item)
    return RedirectResponse(f"/practice/{sitting.id}", 303)


@router.post("/hint")
def hint(
    sitting: SittingDep, item: ItemDep, question: AskedDep, session: SessionDep, given: SentDep
) -> Response:
    _keep_typed(session, item, given)
    with suppress(steps.Stale):  # answered meanwhile: the session shows where it stands
        steps.hint(session, item, question)
    return RedirectResponse(f"/practice/{sitting.id}", 303)


@router.post("/reveal")
def give_up(sitting: SittingDep, item: ItemDep, session: SessionDep, given: SentDep) -> Response:
    """Show the answer without having given one; what was typed stays a draft."""
    _keep_typed(session, item, given)
    with suppress(steps.Stale):
        steps.give_up(session, sitting, item)
    return RedirectResponse(f"/practice/{sitting.id}/items/{item.position}", 303)


def _keep_typed(session: Session, item: PracticeItem, given: dict[str, Any]) -> None:
    key = drafts.key(item.slug, item.point_id)
    with suppress(ValidationError, drafts.Conflict):
        fields = {name: given[name] for name in ("text", "revision", "seconds") if name in given}
        drafts.save(session, Draft, item.learner_id, key, DraftForm.model_validate(fields))


@router.post("/answer")
def answer(
    request: Request,
    sitting: SittingDep,
    item: ItemDep,
    question: AskedDep,
    session: SessionDep,
    candidate: CandidateDep,
    given: SentDep,
) -> Response:
    """The form's way in: whatever is wrong with it, the page comes back with the text in it."""
    form_type = SpokenForm if item.kind == "talk" else AnswerForm
    typed = str(given.get("text", ""))
    try:
        form = form_type.model_validate({"text": ""} | given)
        steps.answer(
            session,
            sitting,
            item,
            question,
            form,
            request.app.state.grader,
            candidate.zone,
        )
    except ValidationError as error:
        fault = sentence(error.errors())
        return ask_page(
            request, sitting, item, question, session, typed=typed, fault=fault, status_code=422
        )
    except steps.Stale:
        return page(
            request,
            "practice/stale.html",
            status_code=409,
            sitting=sitting,
            item=item,
            question=question,
            text=typed,
        )
    if sitting.mode == "mock":
        return RedirectResponse(f"/practice/{sitting.id}", 303)
    return RedirectResponse(f"/practice/{sitting.id}/items/{item.position}", 303)


@router.get("")
def look(
    request: Request,
    sitting: SittingDep,
    item: ItemDep,
    question: AskedDep,
    bank: BankDep,
    session: SessionDep,
    candidate: CandidateDep,
    grader: GraderDep,
) -> Response:
    """An answered item: verdicts, explanation, the lab of what was missed, the rating."""
    if item.answered_at is None:
        return RedirectResponse(f"/practice/{sitting.id}", 303)
    kept = practice.find_answer(session, item.learner_id, item.answer_id or 0)
    points = practice.asked_points(question, item.point_id)
    context: dict[str, Any] = {"answer": None, "points": points, "verdicts": {}, "marks": MARKS}
    if kept:
        context = marked(session, question, kept, grader)
    verdicts: dict[str, Verdict] = context["verdicts"]
    again = practice.point_answers(session, item.learner_id, item.slug, since=item.answered_at)
    missed = _still_missed(points, verdicts, again)
    card = session.get(Card, (item.learner_id, item.slug))
    plan = schedule.plan(candidate)
    asked = sessions.items(session, sitting)
    return page(
        request,
        "practice/look.html",
        sitting=sitting,
        item=item,
        asked=asked,
        current=sessions.current(asked),
        question=question,
        missed=missed,
        again=again,
        again_verdicts=practice.verdicts(session, again),
        submission=uuid4().hex,
        limit=ANSWER_LIMIT,
        illustration=illustration(
            question, {missed.id: verdicts[missed.id]} if missed else verdicts
        ),
        bank=bank,
        rateable=item.point_id is None and item.rated_at is None,
        review=sessions.reviews(session, sitting).get(cast(int, item.id)),
        suggested=steps.suggested(session, item, question),
        dates={rating: rated.due for rating, rated in schedule.preview(plan, card).items()},
        moment=plan.moment,
        ratings=schedule.RATINGS,
        **margin(session, item.learner_id, item.slug),
        **context,
    )


def _still_missed(
    points: list[Point], verdicts: dict[str, Verdict], again: list[Answer]
) -> Point | None:
    """The first point missed and not said again yet: it is shown, and asked for once more."""
    said = {row.point_id for row in again}
    return next(
        (
            point
            for point in points
            if point.id in verdicts
            and verdicts[point.id].verdict in ("missing", "contradicted")
            and point.id not in said
        ),
        None,
    )


@router.post("/verdicts")
def mark(
    sitting: SittingDep, item: ItemDep, question: AskedDep, session: SessionDep, given: SentDep
) -> Response:
    kept = practice.find_answer(session, item.learner_id, item.answer_id or 0)
    if kept is None:
        raise HTTPException(404, "There is no answer here to mark.")
    try:
        form = MarksForm.model_validate({"verdicts": given})
        practice.mark(session, kept, question, form.verdicts)
    except ValidationError as error:
        raise HTTPException(422, sentence(error.errors())) from error
    except ValueError as error:
        raise HTTPException(422, f"{str(error).capitalize()}.") from error
    return RedirectResponse(f"/practice/{sitting.id}/items/{item.position}#points", 303)


@router.post("/again/{point_id}")
def answer_again(
    request: Request,
    sitting: SittingDep,
    item: ItemDep,
    point_id: str,
    question: AskedDep,
    session: SessionDep,
    candidate: CandidateDep,
    given: SentDep,
) -> Response:
    if question.point(point_id) is None:
        raise HTTPException(404, "This question has no such key point.")
    try:
        form = AnswerForm.model_validate({"text": ""} | given)
    except ValidationError as error:
        raise HTTPException(422, sentence(error.errors())) from error
    grader = request.app.state.grader
    steps.answer_again(session, item, question, point_id, form, grader, candidate.zone)
    return RedirectResponse(f"/practice/{sitting.id}/items/{item.position}#again", 303)


@router.post("/rating")
def rate(
    sitting: SittingDep,
    item: ItemDep,
    question: AskedDep,
    session: SessionDep,
    candidate: CandidateDep,
    rating: Annotated[int, Form(ge=1, le=4)],
) -> Response:
    with suppress(steps.Stale):  # pressed twice: rated once, and on to where the session stands
        steps.rate(session, candidate, sitting, item, question, rating)
    return RedirectResponse(f"/practice/{sitting.id}", 303)


class PaceForm(BaseModel):
    """Seconds spent on each part of a talk so far."""

    model_config = ConfigDict(extra="forbid")

    paces: list[Annotated[int, Field(ge=0, le=86_400)]] = Field(max_length=20)


@router.put("/paces")
def keep_paces(item: ItemDep, form: PaceForm, session: SessionDep) -> Response:
    """Where a talk stands, part by part: it goes on there after a reload."""
    if item.answered_at is None:
        item.paces = form.paces
        session.commit()
    return Response(status_code=204)
