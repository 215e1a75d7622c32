"""Days of practice: the hour they begin, the zones they are counted in, streaks over both."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import days
from app.days import Practised

ZONES = ["UTC", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe"]
moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(ZONES)
hours = st.integers(0, 12)


def local(zone: str, *when: int) -> Practised:
    return Practised(datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC), zone)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("hour", "day"), [(3, date(2026, 11, 21)), (4, date(2026, 11, 22)), (23, date(2026, 11, 22))]
)
def test_before_the_hour_it_is_still_the_day_before(hour: int, day: date) -> None:
    moment, zone = local("Europe/Paris", 2026, 11, 22, hour, 30)
    assert days.day_of(moment, zone, 4) == day


@given(moments, zones, hours)
def test_a_moment_lies_within_its_day(moment: datetime, zone: str, begins: int) -> None:
    day = days.day_of(moment, zone, begins)
    start = days.start_of(day, zone, begins)
    end = days.start_of(day + timedelta(days=1), zone, begins)
    # Where clocks go back over the hour at which the day begins, that hour comes twice.
    assert start <= moment < end + timedelta(hours=1)
    assert timedelta(hours=23) <= end - start <= timedelta(hours=25)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("month", [3, 4, 10, 11])
def test_a_month_of_evenings_is_one_streak_whatever_the_clocks_do(zone: str, month: int) -> None:
    evenings = [local(zone, 2026, month, day, 22) for day in range(1, 31)]
    assert days.streak(evenings, evenings[-1], 4) == 30


def test_a_day_without_practice_ends_the_streak() -> None:
    found = [local("UTC", 2026, 5, day, 12) for day in (1, 2, 4, 5)]
    assert days.streak(found, local("UTC", 2026, 5, 5, 20), 4) == 2


def test_today_may_still_come_and_the_day_after_tomorrow_is_too_late() -> None:
    found = [local("UTC", 2026, 5, day, 12) for day in (1, 2)]
    assert days.streak(found, local("UTC", 2026, 5, 3, 23), 4) == 2
    assert days.streak(found, local("UTC", 2026, 5, 4, 5), 4) == 0
    assert days.streak([], local("UTC", 2026, 5, 4, 5), 4) == 0


def test_flying_east_over_a_date_skips_no_day() -> None:
    before = local("America/New_York", 2026, 5, 4, 10)
    after = local("Australia/Sydney", 2026, 5, 6, 9)  # 13 hours and a night in the air later
    assert after.moment - before.moment < timedelta(hours=36)
    assert days.streak([before], after, 4) == 1
    assert days.streak([before, after], after, 4) == 2


def test_flying_west_does_not_count_one_day_twice() -> None:
    found = [local("Asia/Tokyo", 2026, 5, 4, 20), local("America/Los_Angeles", 2026, 5, 4, 21)]
    assert days.streak(found, found[-1], 4) == 1


@given(st.lists(st.tuples(moments, zones), max_size=12), hours)
def test_practising_once_more_never_shortens_a_streak(
    drawn: list[tuple[datetime, str]], begins: int
) -> None:
    found = [Practised(*pair) for pair in drawn]
    latest = Practised(datetime(2028, 1, 1, tzinfo=UTC), "UTC")
    streak = days.streak(found, latest, begins)
    assert streak <= days.streak([*found, latest], latest, begins) <= streak + 1
