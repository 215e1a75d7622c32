"""What FSRS knew of each question after every rating, replayed at the current parameters.

The database keeps a question's card as it is today; its past follows from the log of ratings.
A question's log is replayed once: the result is kept for as long as the log stays the same.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import fsrs

from app.progress.history import History
from app.schedule import AGAIN

Log = tuple[tuple[int, datetime], ...]  # ratings and when, oldest first


class Step(NamedTuple):
    """One rating: how long after the one before it, the chance of recall then, the card after."""

    at: datetime
    rating: int
    elapsed: int | None  # whole days since the rating before, as FSRS counts; none for the first
    predicted: float | None
    card: fsrs.Card

    @property
    def recalled(self) -> bool:
        return self.rating != AGAIN

    @property
    def is_test(self) -> bool:
        """Whether a day or more had passed: within a day FSRS foresees no forgetting."""
        return self.elapsed is not None and self.elapsed >= 1


Steps = tuple[Step, ...]


def replay(history: History) -> Mapping[str, Steps]:
    """The steps of every rated question, oldest first."""
    logs: dict[str, list[tuple[int, datetime]]] = {}
    for review in history.reviews:
        logs.setdefault(review.slug, []).append((review.rating, review.at))
    return {slug: _steps(history.plan.weights, tuple(log)) for slug, log in logs.items()}


@lru_cache(maxsize=2_048)
def _steps(weights: tuple[float, ...] | None, log: Log) -> Steps:
    chosen: dict[str, Any] = {"parameters": weights} if weights else {}
    scheduler = fsrs.Scheduler(enable_fuzzing=False, **chosen)
    card = fsrs.Card(card_id=1, due=log[0][1])
    steps = []
    for rating, at in log:
        elapsed = predicted = None
        if card.last_review is not None:
            elapsed = max(0, (at - card.last_review).days)
            predicted = scheduler.get_card_retrievability(card, at)
        card, _ = scheduler.review_card(card, fsrs.Rating(rating), at)
        steps.append(Step(at, rating, elapsed, predicted, card))
    return tuple(steps)
