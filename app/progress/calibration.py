"""Calibration: whether what was said to be sure turned out so, for the candidate and the grader.

The candidate says sure, fairly or guess before seeing any verdict, taken as 90, 60 and 30 %
that the answer holds: every essential point made and nothing contradicted. Answers of which
that is still open are left out.

The grader states a confidence with each verdict; it was right where the verdict that counts in
the end is its own. A verdict nobody changed counts as right, so this flatters the grader; the
share in answers where the candidate did change something is the other bound.

Intervals take answers, and points, as independent of each other: with points they are somewhat
too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.progress.exhibit import in_percent
from app.progress.history import Answered, History
from app.progress.intervals import wilson
from app.question import Point, Question

STATED = {"sure": 0.9, "fairly": 0.6, "guess": 0.3}
BINS = 10
SHOWN = 8

Forecast = tuple[float, bool]  # the chance that was stated, what came out


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about the same chance: their mean, the share that came out, how many."""

    stated: float
    observed: float
    count: int
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """How well stated chances match what came out. Brier 1950: mean squared error, 0 is best."""

    count: int
    brier: float
    bins: list[Bin]


@dataclass(frozen=True)
class BlindSpot:
    """A question answered last with "sure", and wrong."""

    question: Question
    answer_id: int
    missing: list[Point]
    contradicted: list[Point]


@dataclass(frozen=True)
class Calibration:
    candidate: Reliability | None
    open: int  # answers with a stated confidence and no settled outcome
    grader: Reliability | None
    reviewed: Reliability | None  # the grader's, in answers where the candidate changed something
    blind_spots: list[BlindSpot]


def measure(history: History) -> Calibration:
    stated = [answer for answer in history.answers if answer.confidence in STATED]
    settled = [
        (STATED[answer.confidence or ""], answer.verdicts.held)
        for answer in stated
        if answer.verdicts.held is not None
    ]
    everyone = history.answers + history.point_answers
    return Calibration(
        candidate=reliability(settled, by_value=True),
        open=len(stated) - len(settled),
        grader=reliability(graded(everyone)),
        reviewed=reliability(graded([one for one in everyone if one.verdicts.is_changed])),
        blind_spots=_blind_spots(history),
    )


def graded(answers: Sequence[Answered]) -> list[Forecast]:
    """The grader's verdicts that said something, each with whether it stood in the end."""
    return [forecast for answer in answers for forecast in answer.verdicts.stated]


def reliability(forecasts: Sequence[Forecast], *, by_value: bool = False) -> Reliability | None:
    """The reliability of `forecasts`, in ten bins of even width or, `by_value`, one a chance."""
    if not forecasts:
        return None
    stated, observed = np.array(forecasts, dtype=float).T
    edges = np.linspace(0, 1, BINS + 1)[1:-1]
    keys = stated if by_value else np.searchsorted(edges, stated)
    bins = []
    for key in np.unique(keys):
        here = keys == key
        right, count = int(observed[here].sum()), int(here.sum())
        bins.append(
            Bin(float(stated[here].mean()), right / count, count, *wilson(right, count)),
        )
    return Reliability(len(forecasts), float(np.mean((stated - observed) ** 2)), bins)


def _blind_spots(history: History) -> list[BlindSpot]:
    """Questions whose last settled answer was sure and wrong, the newest first."""
    found: list[tuple[Answered, BlindSpot]] = []
    for slug, answers in history.marked.items():
        last = next((one for one in reversed(answers) if one.verdicts.held is not None), None)
        if last is None or last.verdicts.held or last.confidence != "sure":
            continue
        question, final = history.bank[slug], last.verdicts.final
        missing = [
            point
            for point in question.points
            if point.essential and final.get(point.id) == "missing"
        ]
        against = [point for point in question.points if final.get(point.id) == "contradicted"]
        found.append((last, BlindSpot(question, last.id, missing, against)))
    found.sort(key=lambda pair: pair[0].at, reverse=True)
    return [spot for _, spot in found]


def said(calibration: Calibration) -> str:
    """Calibration in one sentence."""
    own, grader, reviewed = calibration.candidate, calibration.grader, calibration.reviewed
    parts = []
    if own is not None:
        last = own.bins[-1]
        name = next(name for name, chance in STATED.items() if abs(chance - last.stated) < 1e-9)
        parts.append(
            f"When you said “{name}”, taken as {in_percent(last.stated)}, "
            f"{in_percent(last.observed)} of {last.count:,} answers held, and your Brier "
            f"score over all {own.count:,} is {own.brier:.2f} (0 is best, always saying 50 % "
            "gives 0.25)"
        )
    if grader is not None:
        part = f"of the grader's {grader.count:,} verdicts {in_percent(share_right(grader))} stood"
        if reviewed is not None:
            part += f", and {in_percent(share_right(reviewed))} in answers where you changed one"
        parts.append(part)
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def share_right(of: Reliability) -> float:
    return sum(one.observed * one.count for one in of.bins) / of.count
