"""The line of runs: no more at once than there are seats, and an honest word on how long."""

import anyio
import pytest

from app import runs
from app.runs import Run, Runs

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(runs, "monotonic", lambda: now[0])
    return now


def computing(line: Runs, lab: str, *, began: float, long: bool = False, share: float = 0) -> Run:
    run = Run(lab, long=long, began=began, share=share)
    line.line.append(run)
    return run


def waiting(line: Runs, lab: str, *, long: bool = False) -> Run:
    run = Run(lab, long=long)
    line.line.append(run)
    return run


async def test_no_more_compute_at_once_than_there_are_seats() -> None:
    line, most = Runs(2), 0

    async def compute(long: bool) -> None:
        nonlocal most
        async with line.seat(Run("a", long=long)):
            most = max(most, sum(run.began is not None for run in line.line))
            await anyio.sleep(0.01)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(compute, number % 2 == 0)
    assert most == 2
    assert line.line == []


async def test_long_runs_leave_a_seat_free() -> None:
    line, order = Runs(2), []

    async def compute(name: str, long: bool) -> None:
        async with line.seat(Run(name, long=long)):
            order.append(name)
            await anyio.sleep(0.1 if long else 0.0)

    async with anyio.create_task_group() as group:
        for name, long in (("long", True), ("second long", True), ("short", False)):
            group.start_soon(compute, name, long)
    assert set(order[:2]) == {"long", "short"}


async def test_a_run_that_is_cancelled_while_it_waits_leaves_the_line() -> None:
    line = Runs(1)
    async with line.seat(Run("first")):
        with anyio.move_on_after(0.01):
            async with line.seat(Run("second")):
                raise AssertionError("there is one seat")
        assert [run.lab for run in line.line] == ["first"]
    async with line.seat(Run("third")):
        pass


async def test_the_estimate_is_what_recent_runs_of_those_labs_took(clock: list[float]) -> None:
    line = Runs(2)
    line.took["slow", False].extend([3, 4, 100])
    line.took["fast", False].extend([1, 1, 1])
    computing(line, "slow", began=99)  # 3 s to go
    computing(line, "fast", began=99.5)  # 0.5 s to go
    first = waiting(line, "slow")
    second = waiting(line, "fast")
    third = waiting(line, "fast")
    waits = [line.wait(run) for run in (first, second, third)]
    assert [wait.before for wait in waits if wait] == [0, 1, 2]
    # A seat is free in 0.5 s, the other in 3 s; the first waiting run takes that of 0.5 s for 4 s.
    assert [wait.seconds for wait in waits if wait] == [0.5, 3, 4]
    assert line.wait(line.line[0]) is None
    clock[0] += 0.25
    assert [line.wait(run).seconds for run in (first, second)] == [0.25, 2.75]  # type: ignore[union-attr]


async def test_a_long_run_that_tells_how_far_it_is_is_believed(clock: list[float]) -> None:
    line = Runs(2)
    line.took["training", True].append(1000)
    computing(line, "training", began=90, long=True, share=0.25)
    wait = line.wait(waiting(line, "training", long=True))
    assert wait is not None
    assert wait.seconds == 30
    assert line.wait(Run("other")) is None


async def test_what_takes_longer_than_its_like_is_not_about_to_end_forever(
    clock: list[float],
) -> None:
    line = Runs(1)
    line.took["a", False].append(1)
    computing(line, "a", began=92)
    assert line.remaining(line.line[0]) == 2


async def test_who_need_not_wait_is_not_told_to(clock: list[float]) -> None:
    line = Runs(2)
    assert line.wait(Run("a")) is None
    computing(line, "a", began=100)
    assert line.wait(Run("a")) is None
    computing(line, "a", began=100)
    wait = line.wait(Run("a"))
    assert wait is not None
    assert wait.seconds == pytest.approx(0.5)
    assert wait.says == "Other labs are computing. This run waits its turn: about 1 second."


async def test_outcomes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "OUTCOMES", 2)
    line = Runs(1)
    for number in range(3):
        line.keep_outcome(str(number), number)
    assert line.outcomes == {"1": 1, "2": 2}
