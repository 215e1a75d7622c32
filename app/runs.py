"""Who computes: a fixed number of labs at a time. The others wait in line and are told how long.

Long runs, which stream, leave one seat free where there are two, so that a control that is turned
elsewhere does not wait for a training to end.
"""

import heapq
import math
import statistics
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from anyio import CapacityLimiter

RECENT = 20  # runs of a lab whose times the estimate rests on
UNKNOWN = {False: 0.5, True: 20.0}  # seconds of a lab that has not run yet, short and long
OVERDUE = 0.25  # of the time it has taken, where a run takes longer than its like did
BELIEVED = 0.1  # of the steps: the first ones take longer, and tell nothing of the others
OUTCOMES = 500  # kept


@dataclass(eq=False)
class Run:
    """One run of a lab, from the moment it stands in line."""

    lab: str
    long: bool = False
    ident: str = ""  # the client's own name for it
    began: float | None = None
    share: float = 0.0  # of its steps that are done


@dataclass(frozen=True)
class Wait:
    """What a run that waits is told."""

    before: int  # runs that are ahead of it in the line
    seconds: float

    @property
    def says(self) -> str:
        seconds = math.ceil(self.seconds)
        ahead = f", {self.before} before it" if self.before else ""
        about = f"about {seconds} second{'s'[: seconds != 1]}"
        return f"Other labs are computing. This run waits its turn{ahead}: {about}."


class Runs:
    """The line of runs, those that compute first."""

    def __init__(self, at_once: int) -> None:
        self.at_once, self.long_at_once = at_once, max(1, at_once - 1)
        self.seats = CapacityLimiter(at_once)
        self.long_seats = CapacityLimiter(self.long_at_once)
        self.threads = CapacityLimiter(at_once)
        self.line: list[Run] = []
        self.took: defaultdict[tuple[str, bool], deque[float]] = defaultdict(
            lambda: deque(maxlen=RECENT)
        )
        # What long runs came to, by the lab's address: the same parameters, the same outcome.
        self.outcomes: OrderedDict[str, int] = OrderedDict()

    @asynccontextmanager
    async def seat(self, run: Run) -> AsyncIterator[None]:
        """Wait in line for a seat, and have it."""
        self.line.append(run)
        kinds = [self.long_seats, self.seats] if run.long else [self.seats]
        try:
            async with AsyncExitStack() as seats:
                for kind in kinds:
                    await kind.acquire_on_behalf_of(run)
                    seats.callback(kind.release_on_behalf_of, run)
                run.began = monotonic()
                yield
        finally:
            self.line.remove(run)
            if run.began is not None:
                self.took[run.lab, run.long].append(monotonic() - run.began)

    def typical(self, run: Run) -> float:
        """The middle of what the lab's recent runs took, in seconds."""
        took = self.took[run.lab, run.long]
        return statistics.median(took) if took else UNKNOWN[run.long]

    def remaining(self, run: Run) -> float:
        """About how many seconds more the run will compute."""
        if run.began is None:
            return self.typical(run)
        taken = monotonic() - run.began
        if run.share > BELIEVED:
            return taken * (1 - run.share) / run.share
        return max(self.typical(run) - taken, OVERDUE * taken)

    def wait(self, run: Run) -> Wait | None:
        """How long `run` will wait, about, or would if it came now; None where it need not."""
        if run.began is not None:
            return None
        ahead = self.line[: self.line.index(run)] if run in self.line else self.line
        computing = [other for other in self.line if other.began is not None]
        seats = self.at_once
        if self.at_once > 1:  # those of the other kind wait for other seats
            ahead = [other for other in ahead if other.long == run.long]
        if self.at_once > 1 and run.long:
            computing = [other for other in computing if other.long]
            seats = self.long_at_once
        waiting = [other for other in ahead if other.began is None]
        free = [self.remaining(other) for other in computing][:seats]
        free += [0.0] * (seats - len(free))
        heapq.heapify(free)
        for other in waiting:
            heapq.heapreplace(free, free[0] + self.remaining(other))
        if run not in self.line and not waiting and free[0] == 0:
            return None
        return Wait(len(waiting), free[0])

    def find(self, ident: str) -> Run | None:
        """The run of that name, if it is in line or computes."""
        return next((run for run in self.line if ident and run.ident == ident), None)

    def keep_outcome(self, address: str, outcome: int) -> None:
        self.outcomes[address] = outcome
        if len(self.outcomes) > OUTCOMES:
            self.outcomes.popitem(last=False)
