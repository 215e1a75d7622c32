"""Effort: the days practised, and how answers keep to their question's minutes.

A practised day is one on which an answer to a whole question was submitted; it is counted in
the zone that was the candidate's then, from the hour at which they begin a day. Minutes are
those of these answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median, quantiles
from typing import NamedTuple

from sqlmodel import Session, col, select

from app import days
from app.progress.exhibit import in_percent
from app.progress.history import History
from app.tables import Answer

YEAR = 371  # days: 53 whole weeks
PACED = 500  # the newest timed answers, which tell the present pace


class Day(NamedTuple):
    answers: int
    minutes: float


@dataclass(frozen=True)
class Effort:
    days: dict[date, Day]  # those practised, oldest first
    streak: int
    answers: int
    minutes: float

    def within(self, first: date, last: date) -> list[Day]:
        return [one for day, one in self.days.items() if first <= day <= last]


@dataclass(frozen=True, slots=True)
class Pace:
    """How answers to questions of so many minutes go: middle and quartiles."""

    minutes: int
    count: int
    taken: float  # minutes, the median
    low: float
    high: float
    words: float  # the median
    over: int  # answers that took longer than the question's minutes


def measure(history: History) -> Effort:
    plan = history.plan
    seconds: dict[date, list[int]] = {}
    for answer in history.answers:
        day = days.day_of(answer.at, answer.zone, plan.day_begins)
        seconds.setdefault(day, []).append(answer.seconds or 0)
    found = {day: Day(len(taken), sum(taken) / 60) for day, taken in sorted(seconds.items())}
    moments = (days.Practised(answer.at, answer.zone) for answer in history.answers)
    return Effort(
        days=found,
        streak=days.streak(moments, days.Practised(plan.moment, plan.zone), plan.day_begins),
        answers=len(history.answers),
        minutes=sum(day.minutes for day in found.values()),
    )


def pacing(session: Session, history: History) -> list[Pace]:
    """The newest timed answers by their question's minutes."""
    timed = [answer for answer in history.answers if answer.seconds][-PACED:]
    words = _words(session, [answer.id for answer in timed])
    by_minutes: dict[int, list[tuple[float, int]]] = {}
    for answer in timed:
        given = history.bank[answer.slug].minutes
        by_minutes.setdefault(given, []).append(((answer.seconds or 0) / 60, words[answer.id]))
    return [_pace(minutes, by_minutes[minutes]) for minutes in sorted(by_minutes)]


def _words(session: Session, answers: list[int]) -> Mapping[int, int]:
    query = select(Answer.id, Answer.text).where(col(Answer.id).in_(answers))
    return {number: len(text.split()) for number, text in session.exec(query) if number}


def _pace(minutes: int, answers: list[tuple[float, int]]) -> Pace:
    taken = [one for one, _ in answers]
    low, middle, high = quantiles(taken, method="inclusive") if len(taken) > 1 else taken * 3
    return Pace(
        minutes=minutes,
        count=len(taken),
        taken=middle,
        low=low,
        high=high,
        words=median(words for _, words in answers),
        over=sum(one > minutes for one in taken),
    )


def said(effort: Effort, today: date) -> str:
    """Effort over the last year in one sentence."""
    year = effort.within(today - timedelta(days=364), today)
    streak = f"{effort.streak} day" + ("" if effort.streak == 1 else "s")
    return (
        f"You practised on {len(year)} of the last 365 days: "
        f"{sum(day.answers for day in year):,} answers in "
        f"{sum(day.minutes for day in year):,.0f} minutes, and {streak} in a row now."
    )


def pacing_said(paces: list[Pace]) -> str:
    """Pacing in one sentence, about the questions that were answered most."""
    if not paces:
        return ""
    most = max(paces, key=lambda pace: pace.count)
    total = sum(pace.count for pace in paces)
    over = sum(pace.over for pace in paces)
    return (
        f"A question of {most.minutes} minutes takes you {most.taken:.1f} minutes and "
        f"{most.words:.0f} words at the median of {most.count}, and "
        f"{in_percent(over / total)} of your last {total} timed answers took longer than their "
        f"question's minutes."
    )
