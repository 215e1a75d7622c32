"""The application: `create_app(settings)` puts the parts together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import torch
from anyio import CapacityLimiter
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware

from app import bank, db, errors, grading, labs, shelf, templating
from app.fitting import Fitting
from app.guard import Guard
from app.judge import Judge
from app.marking import TIMEOUT, Marker
from app.routes import (
    answers,
    assets,
    data,
    docs,
    erasure,
    health,
    home,
    items,
    practice,
    progress,
    questions,
    runs,
    sessions,
    stories,
    wordings,
)
from app.routes import labs as lab_routes
from app.routes import thumbnails as thumbnail_routes
from app.runs import Runs
from app.settings import Settings
from app.thumbnails import Thumbnails
from model.checkpoint import Models


def create_app(settings: Settings | None = None) -> FastAPI:
    """An app of its own: bank loaded, database migrated. Raises BankError for a bad question."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Labs run side by side; each on its own core rather than all on every core.
        torch.set_num_threads(1)
        app.state.runs = Runs(settings.lab_workers)
        app.state.thumbnail_limiter = CapacityLimiter(1)
        yield
        app.state.fitting.close()
        if isinstance(app.state.grader, Marker):
            app.state.grader.close()
        app.state.engine.dispose()

    app = FastAPI(title="Attend", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.shipped = bank.load(settings.questions_dir, labs.check)
    app.state.engine = db.connect(settings.database)
    db.migrate(app.state.engine)
    app.state.models = Models(device=settings.device)
    app.state.grader = _grader(settings, app.state.engine, app.state.models)
    app.state.fitting = Fitting(app.state.engine)
    shelf.put_up(app)
    app.state.thumbnails = Thumbnails(settings.data_dir / "cache" / "thumbnails")
    app.state.templates = templating.build(app.state.assets)

    errors.install(app)
    for routes in (
        *(home, practice, items, sessions, stories, questions, answers, wordings),
        *(lab_routes, thumbnail_routes, runs, progress, data, erasure, docs, health, assets),
    ):
        app.include_router(routes.router)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts)
    # Level 3: on a lab's numbers level 9 takes as long as the lab, for a few percent of the bytes.
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=3)
    return app


def _grader(settings: Settings, engine: Engine, models: Models) -> Marker | None:
    """What marks answers as they are submitted; None where candidates mark their own."""
    workers = settings.grader_workers
    if settings.grader == "judge":
        key = settings.judge_key.get_secret_value()
        judge = Judge(settings.judge_url, settings.judge_model, key, settings.judge_timeout)
        patience = judge.patience + TIMEOUT  # for its turn, too
        model = settings.judge_model
        return Marker("judge", model, judge, engine, at_once=workers, timeout=patience)
    if settings.grader == "pairs":
        pairs = grading.Grader(models)
        name, version = grading.GRADER, grading.VERSION
        return Marker(name, version, pairs, engine, at_once=workers, recogniser=pairs)
    return None
