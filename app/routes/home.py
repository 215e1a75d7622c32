"""Today: what was begun, what comes next."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import drafts, memory, progress
from app.db import SessionDep
from app.routes.depends import BankDep, LearnerDep, page

router = APIRouter()


@router.get("/", include_in_schema=False)
def show(request: Request, bank: BankDep, session: SessionDep, learner: LearnerDep) -> Response:
    practised = memory.practised(session, learner)
    return page(
        request,
        "home/show.html",
        following=next((bank[slug] for slug in bank if slug not in practised), None),
        drafts=[draft for draft in drafts.begun(session, learner) if draft.slug in bank],
        progress=progress.measure(session, learner, bank),
        bank=bank,
    )
