"""Today: what was begun, what comes next."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import practice, progress
from app.db import SessionDep
from app.routes.depends import BankDep, LearnerDep, page

router = APIRouter()


@router.get("/", include_in_schema=False)
def show(request: Request, bank: BankDep, session: SessionDep, learner: LearnerDep) -> Response:
    practised = progress.practised_counts(session, learner)
    return page(
        request,
        "home/show.html",
        following=next((bank[slug] for slug in bank if slug not in practised), None),
        drafts=[draft for draft in practice.drafts(session, learner) if draft.slug in bank],
        progress=progress.measure(session, learner, bank),
        bank=bank,
    )
