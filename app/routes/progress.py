"""Progress: what has been answered and how its points fell."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import progress
from app.db import SessionDep
from app.routes.depends import BankDep, LearnerDep, page

router = APIRouter()


@router.get("/progress", include_in_schema=False)
def show(request: Request, bank: BankDep, session: SessionDep, learner: LearnerDep) -> Response:
    return page(request, "progress/show.html", progress=progress.measure(session, learner, bank))


@router.get("/api/progress", tags=["progress"])
def read(bank: BankDep, session: SessionDep, learner: LearnerDep) -> dict[str, Any]:
    """Questions practised and points made, by topic, with every answer, newest first."""
    return asdict(progress.measure(session, learner, bank))
