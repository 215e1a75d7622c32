"""Progress: readiness, mastery, memory and effort; a question's answers side by side."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from app import progress
from app.db import SessionDep
from app.labs import LABS
from app.progress import Report, growth
from app.progress.calibration import STATED
from app.progress.exhibit import Exhibit
from app.progress.growth import Change
from app.progress.points import Missed
from app.progress.tallies import Progress
from app.question import Point, Question
from app.routes.depends import BankDep, LearnerDep, QuestionDep, page
from app.routes.labs import address

router = APIRouter()


@router.get("/progress", include_in_schema=False)
def show(request: Request, bank: BankDep, session: SessionDep, learner: LearnerDep) -> Response:
    report = progress.study(session, learner, bank)
    return page(request, "progress/show.html", report=report, stated=STATED, lab=_lab)


@router.get("/questions/{slug}/growth", include_in_schema=False)
def show_growth(
    request: Request, question: QuestionDep, session: SessionDep, learner: LearnerDep
) -> Response:
    """The question's answers side by side: points gained and lost, words that changed."""
    grown = growth.of_question(session, learner, question)
    return page(request, "progress/growth.html", question=question, grown=grown)


@router.get("/api/progress", tags=["progress"])
def read(bank: BankDep, session: SessionDep, learner: LearnerDep) -> dict[str, Any]:
    """Every part of progress, with every answer, newest first; a figure's drawing by its name."""
    report = progress.study(session, learner, bank)
    return (
        _tallies(report.tallies)
        | _standing(report)
        | {"figures": [_numbers(exhibit) for exhibit in report.exhibits.values()]}
    )


@router.get("/api/progress/{name}", tags=["progress"])
def read_figure(
    name: str, bank: BankDep, session: SessionDep, learner: LearnerDep
) -> dict[str, Any]:
    """One figure: its sentence, its table, its drawing as Plotly's JSON; none where nothing is."""
    exhibits = progress.study(session, learner, bank).exhibits
    if name not in exhibits:
        raise HTTPException(404, f"There is no such figure; there are {', '.join(exhibits)}.")
    return _numbers(exhibits[name]) | {"figure": exhibits[name].figure}


def _tallies(of: Progress) -> dict[str, Any]:
    # vars, not asdict, which copies 5,000 rows for longer than everything else takes.
    return vars(of) | {
        "topics": [vars(row) | {"latest": vars(row.latest)} for row in of.topics],
        "recent": [row._asdict() | {"tally": vars(row.tally)} for row in of.recent],
    }


def _standing(report: Report) -> dict[str, Any]:
    ready, mastery, grown = report.readiness, report.mastery, report.growth
    return {
        "today": asdict(report.today),
        "readiness": ready
        and {
            **asdict(ready.today),
            "four_weeks": ready.month,
            "projection": asdict(ready.projection) if ready.projection else None,
        },
        "mastery": {
            "levels": mastery.levels,
            "last_session": mastery.last_session,
            "moves": [asdict(move) for move in mastery.moves],
        },
        "points": {
            "open": report.points.open,
            "missed": [_missed(row) for row in report.points.missed],
            "contradicted": [_missed(row) for row in report.points.contradicted],
        },
        "blind_spots": [
            {
                "slug": spot.question.slug,
                "answer_id": spot.answer_id,
                "missing": _ids(spot.missing),
                "contradicted": _ids(spot.contradicted),
            }
            for spot in report.calibration.blind_spots
        ],
        "streak": report.effort.streak,
        "growth": {
            "compared": grown.compared,
            "more": grown.more,
            "fewer": grown.fewer,
            "gained": [_change(change) for change in grown.gained],
            "lost": [_change(change) for change in grown.lost],
        },
    }


def _missed(row: Missed) -> dict[str, Any]:
    counts = {"marked": row.marked, "missing": row.missing, "contradicted": row.contradicted}
    named = {"slug": row.question.slug, "point_id": row.point.id, "text": row.point.text}
    return named | counts | {"lab": _lab(row.question, row.point)}


def _change(change: Change) -> dict[str, Any]:
    named = {"slug": change.question.slug}
    return named | {"gained": _ids(change.gained), "lost": _ids(change.lost)}


def _ids(points: Iterable[Point]) -> list[str]:
    return [point.id for point in points]


def _numbers(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "name": exhibit.name,
        "title": exhibit.title,
        "reading": exhibit.reading,
        "note": exhibit.note,
        "caution": exhibit.caution,
        "table": exhibit.table,
    }


def _lab(question: Question, point: Point) -> str | None:
    """Where to see a point: its own lab with its parameters, else the question's first."""
    if point.lab and point.lab.name in LABS:
        return address(point.lab.name, point.lab.params)
    name = next((name for name in question.labs if name in LABS), None)
    return address(name, {}) if name else None
