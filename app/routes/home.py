"""Today: what was begun, what comes next."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import drafts, memory, queues, schedule, sessions
from app.db import SessionDep
from app.progress import today
from app.routes.depends import BankDep, CandidateDep, LearnerDep, page

router = APIRouter()


@router.get("/", include_in_schema=False)
def show(
    request: Request,
    bank: BankDep,
    session: SessionDep,
    learner: LearnerDep,
    candidate: CandidateDep,
) -> Response:
    plan = schedule.plan(candidate)
    cards = memory.cards(session, learner)
    unfinished = sessions.unfinished(session, learner)
    practised = memory.practised(session, learner)
    return page(
        request,
        "home/show.html",
        following=next((bank[slug] for slug in bank if slug not in practised), None),
        drafts=[draft for draft in drafts.begun(session, learner) if draft.slug in bank],
        due=sum(queues.is_due(card, plan) for slug, card in cards.items() if slug in bank),
        plan=plan,
        unfinished=[(sitting, sessions.items(session, sitting)) for sitting in unfinished[:1]],
        today=today.look(session, learner, bank, plan, cards),
        bank=bank,
    )
