"""FSRS fitted to a learner's own reviews by the package's optimiser, in the background.

It takes some ten seconds of one core for the 512 reviews that it needs.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import fsrs
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from app import schedule
from app.tables import Learner, Review

NEEDED = 512  # reviews, by the optimiser's own minimum


@dataclass(frozen=True)
class State:
    """What the page says of fitting."""

    reviews: int
    running: bool
    fault: str
    needed: int = NEEDED


class Fitting:
    """One worker that fits weights, for one learner at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fitting")
        self._lock = Lock()
        self._running: set[int] = set()
        self._faults: dict[int, str] = {}

    def state(self, session: Session, learner_id: int) -> State:
        query = select(func.count(col(Review.id))).where(Review.learner_id == learner_id)
        with self._lock:
            running, fault = learner_id in self._running, self._faults.get(learner_id, "")
        return State(session.exec(query).one(), running, fault)

    def start(self, learner_id: int) -> None:
        """Begin to fit; while one is being fitted already, do nothing."""
        with self._lock:
            if learner_id in self._running:
                return
            self._running.add(learner_id)
            self._faults.pop(learner_id, None)
        self._pool.submit(self._run, learner_id)

    def close(self) -> None:
        """Wait for what is running."""
        self._pool.shutdown()

    def _run(self, learner_id: int) -> None:
        fault = ""
        try:
            with Session(self._engine) as session:
                fit(session, learner_id)
        except Exception as error:  # shown to the learner: nobody else waits for this thread
            fault = f"It could not be fitted: {error}"
        with self._lock:
            self._running.discard(learner_id)
            if fault:
                self._faults[learner_id] = fault


def fit(session: Session, learner_id: int) -> None:
    """Fit the weights to every review there is, and move the cards to what they now say."""
    reviews = list(
        session.exec(
            select(Review)
            .where(Review.learner_id == learner_id)
            .order_by(col(Review.reviewed_at), col(Review.id))
        )
    )
    numbers = {slug: number for number, slug in enumerate({row.slug: None for row in reviews})}
    logs = [
        fsrs.ReviewLog(numbers[row.slug], fsrs.Rating(row.rating), row.reviewed_at, None)
        for row in reviews
    ]
    weights = fsrs.Optimizer(logs).compute_optimal_parameters()
    learner = session.get_one(Learner, learner_id)
    learner.weights = [float(weight) for weight in weights]
    replay(session, learner)
    session.commit()


def replay(session: Session, learner: Learner) -> None:
    """Set every card to what the learner's weights make of its reviews; not committed yet."""
    query = (
        select(Review)
        .where(Review.learner_id == learner.id)
        .order_by(col(Review.reviewed_at), col(Review.id))
    )
    ratings: dict[str, list[tuple[int, datetime]]] = {}
    for row in session.exec(query):
        ratings.setdefault(row.slug, []).append((row.rating, row.reviewed_at))
    for slug, rated in ratings.items():
        session.merge(schedule.replay(learner, slug, rated))
