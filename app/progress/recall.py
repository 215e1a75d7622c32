"""Memory: whether questions are forgotten as FSRS foresees, and when they come back.

A test of memory is a rating a day or more after the one before it; within a day FSRS foresees
no forgetting. Recalled means rated above Again. Foreseen is the retrievability just before, at
the current parameters, replayed over the whole log.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median

from app import days
from app.progress.exhibit import in_percent
from app.progress.history import History
from app.progress.intervals import wilson
from app.progress.replay import Step, Steps

ELAPSED = (1, 2, 4, 8, 15, 31, 61)  # days at which a bin begins
CHANCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # retrievability at which a bin begins
INTERVALS = (0, 1, 3, 7, 14, 30, 60, 120)  # days at which a bin of the histogram begins
AHEAD = 30  # days of the forecast
LATELY = 30  # days of the recent retention


@dataclass(frozen=True, slots=True)
class Bin:
    """Tests alike: what FSRS foresaw, what was recalled, how many."""

    name: str
    middle: float  # the mean of what they are alike in
    foreseen: float
    recalled: float
    count: int
    low: float
    high: float


@dataclass(frozen=True)
class Retention:
    foreseen: float
    recalled: float
    count: int


@dataclass(frozen=True)
class Recall:
    retention: Retention | None
    lately: Retention | None
    by_elapsed: list[Bin]
    by_chance: list[Bin]
    forecast: list[tuple[date, int]]  # questions that fall due, today's with those overdue
    intervals: list[tuple[str, int]]  # questions by days between the last rating and the next
    middle_interval: float | None
    rated: int


def measure(history: History, steps: Mapping[str, Steps]) -> Recall:
    plan = history.plan
    tests = [step for known in steps.values() for step in known if step.is_test]
    since = plan.moment - timedelta(days=LATELY)
    waits = [
        (card.due - card.last_review) / timedelta(days=1)
        for card in history.cards.values()
        if card.last_review
    ]
    return Recall(
        retention=retention(tests),
        lately=retention([step for step in tests if step.at > since]),
        by_elapsed=[
            _bin(f"{_named(ELAPSED, place)} days", here, [step.elapsed or 0 for step in here])
            for place, here in _binned(tests, [step.elapsed or 0 for step in tests], ELAPSED)
        ],
        by_chance=[
            _bin(_chance(place), here, [step.predicted or 0 for step in here])
            for place, here in _binned(tests, [step.predicted or 0 for step in tests], CHANCES)
        ],
        forecast=_forecast(history),
        intervals=_histogram(waits),
        middle_interval=median(waits) if waits else None,
        rated=len(history.cards),
    )


def retention(tests: list[Step]) -> Retention | None:
    """The share of `tests` recalled, and the mean chance that FSRS gave them."""
    if not tests:
        return None
    foreseen = fmean(step.predicted or 0 for step in tests)
    return Retention(foreseen, fmean(step.recalled for step in tests), len(tests))


def _binned(
    tests: list[Step], values: Sequence[float], starts: tuple[float, ...]
) -> list[tuple[int, list[Step]]]:
    places: dict[int, list[Step]] = {}
    for step, value in zip(tests, values, strict=True):
        places.setdefault(_place(value, starts), []).append(step)
    return sorted(places.items())


def _bin(name: str, here: list[Step], values: Sequence[float]) -> Bin:
    right = sum(step.recalled for step in here)
    foreseen = fmean(step.predicted or 0 for step in here)
    bounds = wilson(right, len(here))
    return Bin(name, fmean(values), foreseen, right / len(here), len(here), *bounds)


def _place(value: float, starts: tuple[float, ...]) -> int:
    return max(0, bisect_right(starts, value) - 1)


def _named(starts: tuple[int, ...], place: int) -> str:
    """The days that belong to a bin."""
    if place + 1 == len(starts):
        return f"{starts[place]} or more"
    last = starts[place + 1] - 1
    if last == 0:
        return "less than 1"
    return str(last) if last == starts[place] else f"{starts[place]} to {last}"


def _chance(place: int) -> str:
    end = (*CHANCES, 1.0)[place + 1]
    return f"{in_percent(CHANCES[place])} to {in_percent(end)}"


def _forecast(history: History) -> list[tuple[date, int]]:
    """How many questions fall due on each of the next days, today the first."""
    plan = history.plan
    due = [
        max(plan.today, days.day_of(card.due, plan.zone, plan.day_begins))
        for card in history.cards.values()
    ]
    ahead = [plan.today + timedelta(days=place) for place in range(AHEAD)]
    return [(day, due.count(day)) for day in ahead]


def _histogram(waits: list[float]) -> list[tuple[str, int]]:
    places = [_place(wait, INTERVALS) for wait in waits]
    return [(_named(INTERVALS, at), places.count(at)) for at in range(len(INTERVALS))]


def said(recall: Recall) -> str:
    """Retention in one sentence."""
    of = recall.retention
    if of is None:
        return ""
    sentence = (
        f"In {of.count:,} tests a day or more after the rating before, you recalled "
        f"{in_percent(of.recalled)} where FSRS foresaw {in_percent(of.foreseen)}"
    )
    if recall.lately and recall.lately.count < of.count:
        late = recall.lately
        sentence += (
            f"; in the last {LATELY} days {in_percent(late.recalled)} of {late.count:,} "
            f"against {in_percent(late.foreseen)}"
        )
    return sentence + "."
