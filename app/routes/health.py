"""Liveness, and whether the parts that every page needs are ready."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from app.db import SessionDep
from model.checkpoint import CheckpointError

router = APIRouter()


@router.get("/healthz", tags=["health"])
def check(request: Request, session: SessionDep) -> Response:
    """200 where all is ready, else 503; `detail` names what is not."""
    parts: dict[str, Any] = {"database": "ready", "model": "ready"}
    try:
        session.exec(text("SELECT 1 FROM learner"))  # type: ignore[call-overload]
    except SQLAlchemyError as error:
        parts["database"] = f"not ready: {type(error).__name__}"
    try:
        _ = request.app.state.models.translator
    except CheckpointError as error:
        parts["model"] = f"not ready: {error}"
    ready = all(state == "ready" for state in parts.values())
    return JSONResponse({"ready": ready} | parts, 200 if ready else 503)
