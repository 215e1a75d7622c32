"""Days, streak and pace; days are the candidate's own, wherever they were."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from statistics import quantiles

import pytest
from sqlmodel import Session, select

from app import days
from app.progress import effort, habit_figures
from app.progress.history import History
from app.tables import Answer
from tests.progress.conftest import GOOD, ONE, Builder


def at(builder: Builder, moment: datetime, zone: str) -> None:
    builder.answer(ONE, 0, GOOD, zone=zone)
    builder.answers[-1] = builder.answers[-1]._replace(at=moment)


def test_a_day_is_that_of_the_zone_one_was_in(builder: Builder) -> None:
    at(builder, datetime(2026, 11, 20, 20, tzinfo=UTC), "Asia/Tokyo")  # 5 in the morning there
    at(builder, datetime(2026, 11, 20, 20, tzinfo=UTC), "America/New_York")
    at(builder, datetime(2026, 11, 21, 3, tzinfo=UTC), "UTC")  # before 4: the day before
    found = effort.measure(builder.history())
    assert {day: one.answers for day, one in found.days.items()} == {
        date(2026, 11, 20): 2,
        date(2026, 11, 21): 1,
    }


def test_travelling_later_moves_no_day(builder: Builder) -> None:
    at(builder, datetime(2026, 11, 20, 20, tzinfo=UTC), "Asia/Tokyo")
    before = effort.measure(builder.history()).days
    builder.plan = replace(builder.plan, zone="America/New_York")
    assert effort.measure(builder.history()).days == before


def test_every_answer_is_on_one_day(simulated: History) -> None:
    found = effort.measure(simulated)
    expected = Counter(days.day_of(one.at, one.zone, 4) for one in simulated.answers)
    assert {day: one.answers for day, one in found.days.items()} == expected
    assert found.minutes == pytest.approx(sum(one.seconds or 0 for one in simulated.answers) / 60)


def test_the_streak_is_that_of_the_days_module(simulated: History) -> None:
    practised = [days.Practised(one.at, one.zone) for one in simulated.answers]
    current = days.Practised(simulated.plan.moment, simulated.plan.zone)
    assert effort.measure(simulated).streak == days.streak(practised, current, 4)


def test_the_calendar_is_a_year_that_ends_today(simulated: History) -> None:
    today = simulated.plan.today
    figure = habit_figures.calendar(effort.measure(simulated), today).figure
    assert figure is not None
    [heat] = figure["data"]
    cells = [cell for row in heat["z"] for cell in row]
    assert len(cells) == 53 * 7
    assert sum(cell for cell in cells if cell) == len(simulated.answers)
    assert cells.count(None) == 6 - today.weekday()


def test_pace_is_the_median_and_quartiles_of_each_length(
    simulated: History, session: Session
) -> None:
    [pace] = effort.pacing(session, simulated)
    minutes = [(one.seconds or 0) / 60 for one in simulated.answers]
    expected = quantiles(minutes, n=4, method="inclusive")
    assert [pace.low, pace.taken, pace.high] == pytest.approx(expected)
    assert (pace.minutes, pace.count) == (4, len(minutes))
    assert pace.over == sum(one > 4 for one in minutes)
    texts = [row.text.split() for row in session.exec(select(Answer)) if row.point_id is None]
    assert min(map(len, texts)) <= pace.words <= max(map(len, texts))


def test_pace_is_that_of_the_newest_answers(
    simulated: History, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effort, "PACED", 1)
    [pace] = effort.pacing(session, simulated)
    assert pace.count == 1
    assert pace.taken == pytest.approx((simulated.answers[-1].seconds or 0) / 60)


def test_an_answer_without_a_clock_has_no_pace(builder: Builder, session: Session) -> None:
    assert effort.pacing(session, builder.answer(ONE, 1, GOOD, seconds=None).history()) == []
