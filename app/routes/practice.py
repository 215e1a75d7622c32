"""Sessions of practice as pages: choose, answer, look, rate, sum up."""

import random
from contextlib import suppress
from datetime import date
from typing import cast

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from app import memory, queues, schedule, sessions, steps, stories, summary
from app.bank import Bank
from app.db import SessionDep
from app.errors import sentence
from app.question import DECKS, DIFFICULTIES, TOPICS
from app.queues import Choice
from app.routes.answers import lab_of
from app.routes.depends import BankDep, CandidateDep, SentDep, SittingDep, page, the_question
from app.routes.items import ask_page
from app.tables import Learner

router = APIRouter(include_in_schema=False)
rng = random.Random()


@router.get("/practice")
def index(
    request: Request, bank: BankDep, session: SessionDep, candidate: CandidateDep
) -> Response:
    return index_page(request, bank, session, candidate)


def index_page(
    request: Request,
    bank: Bank,
    session: Session,
    candidate: Learner,
    fault: str = "",
    status_code: int = 200,
) -> Response:
    learner = cast(int, candidate.id)
    known = memory.recall(session, learner)
    plan = schedule.plan(candidate)
    new_left = candidate.new_per_day - memory.introduced_today(session, learner, plan)
    ready = {
        mode: queues.compose(Choice(mode=mode), bank.select(), known, plan, new_left, rng)
        for mode in ("learn", "review", "quickfire", "drill", "talk")
    }
    return page(
        request,
        "practice/index.html",
        status_code=status_code,
        fault=fault,
        ready={mode: len(queue) for mode, queue in ready.items()},
        due=sum(asked.slug in known.cards for asked in ready["review"]),
        talks=[question for question in bank.values() if question.parts],
        stories=stories.told(session, learner),
        unfinished=[
            (sitting, sessions.items(session, sitting))
            for sitting in sessions.unfinished(session, learner)
        ],
        bank=bank,
        candidate=candidate,
        plan=plan,
        fitting=request.app.state.fitting.state(session, learner),
        decks=[deck for deck in DECKS if bank.select(deck=deck)],
        topics=TOPICS,
        difficulties=DIFFICULTIES,
    )


@router.post("/practice")
def start(
    request: Request,
    bank: BankDep,
    session: SessionDep,
    candidate: CandidateDep,
    given: SentDep,
) -> Response:
    try:
        choice = Choice.model_validate(given)
        sitting = sessions.start(session, candidate, bank, choice, rng)
    except ValidationError as error:
        return index_page(request, bank, session, candidate, sentence(error.errors()), 422)
    except sessions.NothingToAsk as error:
        return index_page(request, bank, session, candidate, str(error), 409)
    return RedirectResponse(f"/practice/{sitting.id}", 303)


@router.get("/practice/{session_id}")
def show(request: Request, sitting: SittingDep, bank: BankDep, session: SessionDep) -> Response:
    """Where the session stands: an answer to rate, a question to answer, or the summary."""
    asked = sessions.items(session, sitting)
    waiting = sessions.unrated(sitting, asked)
    if waiting and sitting.finished_at is None:
        return RedirectResponse(f"/practice/{sitting.id}/items/{waiting.position}", 303)
    item = sessions.current(asked)
    if item is None or sitting.finished_at:
        return RedirectResponse(f"/practice/{sitting.id}/summary", 303)
    return ask_page(request, sitting, item, the_question(item, bank), session)


class ScheduleForm(BaseModel):
    """What a candidate sets of their schedule."""

    model_config = ConfigDict(extra="forbid")

    interview_on: date | None = None
    new_per_day: int = Field(default=5, ge=0, le=50)
    day_begins: int = Field(default=4, ge=0, le=12)


@router.post("/practice/schedule")
def set_schedule(
    request: Request, bank: BankDep, session: SessionDep, candidate: CandidateDep, given: SentDep
) -> Response:
    try:
        form = ScheduleForm.model_validate(given)
    except ValidationError as error:
        return index_page(request, bank, session, candidate, sentence(error.errors()), 422)
    candidate.interview_on = form.interview_on
    candidate.new_per_day = form.new_per_day
    candidate.day_begins = form.day_begins
    session.commit()
    return RedirectResponse("/practice#schedule", 303)


@router.post("/practice/schedule/fit")
def fit(request: Request, bank: BankDep, session: SessionDep, candidate: CandidateDep) -> Response:
    learner = cast(int, candidate.id)
    state = request.app.state.fitting.state(session, learner)
    if state.reviews < state.needed:
        fault = f"FSRS can be fitted from {state.needed} reviews on; there are {state.reviews}."
        return index_page(request, bank, session, candidate, fault, 409)
    request.app.state.fitting.start(learner)
    return RedirectResponse("/practice#schedule", 303)


@router.post("/practice/{session_id}/undo")
def undo_last(sitting: SittingDep, session: SessionDep) -> Response:
    with suppress(steps.NothingToUndo):
        steps.undo_last(session, sitting)
    return RedirectResponse(f"/practice/{sitting.id}", 303)


@router.post("/practice/{session_id}/finish")
def finish(sitting: SittingDep, session: SessionDep) -> Response:
    sessions.finish(session, sitting)
    return RedirectResponse(f"/practice/{sitting.id}/summary", 303)


@router.get("/practice/{session_id}/summary")
def show_summary(
    request: Request, sitting: SittingDep, bank: BankDep, session: SessionDep
) -> Response:
    return page(
        request,
        "practice/summary.html",
        sitting=sitting,
        summary=summary.sum_up(session, sitting, bank),
        lab_of=lab_of,
        bank=bank,
    )
