"""Days of practice: counted in the candidate's own zone, from the hour that they begin a day.

Moments are stored in UTC. Which day an answer belongs to is settled by the zone that
was the candidate's when they gave it, so that travelling later moves nothing.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

ZONES = frozenset(available_timezones())


class Practised(NamedTuple):
    """A moment of practice and the zone in which the candidate then was."""

    moment: datetime
    zone: str


def day_of(moment: datetime, zone: str, begins: int) -> date:
    """The day that `moment` belongs to in `zone` when a day begins at the hour `begins`.

    The clock on the wall decides: on the night when clocks change, a day that begins
    at 4 still begins when the clock shows 4.
    """
    local = moment.astimezone(ZoneInfo(zone))
    return local.date() - timedelta(days=local.hour < begins)


def start_of(day: date, zone: str, begins: int) -> datetime:
    """The moment, in UTC, at which `day` begins in `zone`."""
    return datetime.combine(day, time(begins), ZoneInfo(zone)).astimezone(UTC)


def streak(practised: Iterable[Practised], current: Practised, begins: int) -> int:
    """Days in a row with practice, up to the current one or, while it has none, the one before.

    Each local day counts once. A day is missing only if it is missing for the clock
    that the candidate left as well as for the one that they came to: who flies east
    over midnight has not skipped a day.
    """
    counted: set[date] = set()
    later = current
    for earlier in sorted(practised, reverse=True):
        gaps = (
            day_of(later.moment, zone, begins) - day_of(earlier.moment, zone, begins)
            for zone in (earlier.zone, later.zone)
        )
        if min(gaps) > timedelta(days=1):
            break
        counted.add(day_of(earlier.moment, earlier.zone, begins))
        later = earlier
    return len(counted)
