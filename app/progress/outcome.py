"""What the verdicts on one answer come to: the share of essential points, held or not, good or not.

What is unsure or not marked counts as not made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.question import Question
from app.schedule import GOOD, suggest
from app.tables import Mark

Marks = Mapping[str, Mark]


class Rubric(NamedTuple):
    """The points of a question by id, and those of them that are essential."""

    points: tuple[str, ...]
    essential: tuple[str, ...]


@dataclass(frozen=True)
class Tally:
    """How the marked points of some answers fell."""

    made: int = 0
    missing: int = 0
    contradicted: int = 0

    @property
    def marked(self) -> int:
        return self.made + self.missing + self.contradicted


def rubric(question: Question) -> Rubric:
    return Rubric(
        tuple(point.id for point in question.points),
        tuple(point.id for point in question.points if point.essential),
    )


def tally(marks: Marks) -> Tally:
    given = list(marks.values())
    return Tally(given.count("made"), given.count("missing"), given.count("contradicted"))


def share(rubric: Rubric, marks: Marks) -> float:
    """The share of the essential points that were made, 0 to 1."""
    made = sum(marks.get(name) == "made" for name in rubric.essential)
    return made / len(rubric.essential)


def held(rubric: Rubric, marks: Marks) -> bool | None:
    """Whether every essential point was made and nothing contradicted; none where that is open.

    One point contradicted, or an essential one missed, settles it; an essential point that is
    unsure, or not marked, leaves it open.
    """
    needed = [marks.get(name, "unsure") for name in rubric.essential]
    if "missing" in needed or any(marks.get(name) == "contradicted" for name in rubric.points):
        return False
    return None if "unsure" in needed else True


def is_good(question: Question, marks: Marks) -> bool:
    """Whether the rule of the schedule would rate the answer Good or Easy."""
    return suggest(question, dict(marks)) >= GOOD
