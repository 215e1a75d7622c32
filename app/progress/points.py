"""Points: which claims are missed and contradicted most, among those not made the last time.

The newest ten answers to each question count, whether to the whole of it or to the point alone:
whoever has made a point in a drill has it off this list.
"""

from dataclasses import dataclass

from app.progress.history import Answered, History
from app.question import Point, Question, Topic

SHOWN = 6
NEWEST = 10  # answers to a question


@dataclass(frozen=True)
class Missed:
    """A point, how often it was marked, and how often missed and contradicted."""

    question: Question
    point: Point
    marked: int
    missing: int
    contradicted: int


@dataclass(frozen=True)
class Points:
    missed: list[Missed]
    contradicted: list[Missed]
    open: int  # points missed or contradicted the last time
    topics: frozenset[Topic]  # theirs


def measure(history: History) -> Points:
    found = []
    for slug, answers in _together(history).items():
        marks: dict[str, list[str]] = {}
        for answer in answers:
            for point_id, mark in answer.verdicts.final.items():
                marks.setdefault(point_id, []).append(mark)
        for point in history.bank[slug].points:
            given = marks.get(point.id, [])
            if given and given[-1] in ("missing", "contradicted"):
                counts = len(given), given.count("missing"), given.count("contradicted")
                found.append(Missed(history.bank[slug], point, *counts))
    return Points(
        missed=_most(found, "missing"),
        contradicted=_most(found, "contradicted"),
        open=len(found),
        topics=frozenset(row.question.topic for row in found),
    )


def _together(history: History) -> dict[str, list[Answered]]:
    """The newest marked answers by question, whole or to one point, oldest first."""
    found = {slug: answers[-NEWEST:] for slug, answers in history.marked.items()}
    for answer in history.point_answers:
        found.setdefault(answer.slug, []).append(answer)
    return {
        slug: sorted(answers, key=lambda one: (one.at, one.id))[-NEWEST:]
        for slug, answers in found.items()
    }


def _most(found: list[Missed], mark: str) -> list[Missed]:
    """Those most often so marked, an essential and a weighty point first among equals."""

    def key(row: Missed) -> tuple[int, bool, int]:
        return -getattr(row, mark), not row.point.essential, -row.point.weight

    return sorted((row for row in found if getattr(row, mark)), key=key)[:SHOWN]
