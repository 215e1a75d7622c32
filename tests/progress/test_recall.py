"""Memory: foreseen is py-fsrs's own retrievability, observed what was rated."""

from datetime import timedelta

import fsrs
import pytest

from app.progress import recall
from app.progress.history import History
from app.progress.recall import Recall
from app.progress.replay import replay
from app.queues import is_due
from tests.progress.conftest import GOOD, NOW, ONE, TWO, Builder


def measured(history: History) -> Recall:
    return recall.measure(history, replay(history))


def test_foreseen_is_py_fsrs_before_each_rating(builder: Builder) -> None:
    log = ((30, 3), (29.9, 3), (20, 3), (2, 1))  # days ago, rating
    for ago, rating in log:
        builder.answer(ONE, ago, GOOD, rating=rating)
    scheduler, card = fsrs.Scheduler(enable_fuzzing=False), fsrs.Card()
    foreseen = []
    for ago, rating in log:
        at = NOW - timedelta(days=ago)
        foreseen.append(scheduler.get_card_retrievability(card, at))
        card, _ = scheduler.review_card(card, fsrs.Rating(rating), at)
    found = measured(builder.history())
    assert found.retention is not None
    assert found.retention.count == 2  # neither the first nor the one on the same day
    assert found.retention.foreseen == pytest.approx(sum(foreseen[2:]) / 2)
    assert found.retention.recalled == 0.5
    assert [(one.name, one.count) for one in found.by_elapsed] == [
        ("8 to 14 days", 1),
        ("15 to 30 days", 1),
    ]
    assert found.by_elapsed[1].recalled == 0


def test_every_test_is_in_one_bin_of_each_kind(simulated: History) -> None:
    found = measured(simulated)
    assert found.retention is not None
    for bins in (found.by_elapsed, found.by_chance):
        assert sum(one.count for one in bins) == found.retention.count
        recalled = sum(one.recalled * one.count for one in bins)
        assert recalled == pytest.approx(found.retention.recalled * found.retention.count)
        assert [one.middle for one in bins] == sorted(one.middle for one in bins)


def test_what_is_due_today_is_what_the_queue_asks(simulated: History) -> None:
    found = measured(simulated)
    due = sum(is_due(card, simulated.plan) for card in simulated.cards.values())
    assert found.forecast[0] == (simulated.plan.today, due)
    assert len(found.forecast) == 30


def test_the_forecast_counts_each_rated_question_once(builder: Builder) -> None:
    builder.answer(ONE, 200, GOOD, rating=3)  # long overdue
    builder.answer(TWO, 0.1, GOOD, rating=4)  # in some days
    found = measured(builder.history())
    assert found.forecast[0][1] == 1
    assert sum(count for _, count in found.forecast) == 2


def test_intervals_are_all_in_the_histogram(simulated: History) -> None:
    found = measured(simulated)
    assert sum(count for _, count in found.intervals) == found.rated == len(simulated.cards)
    assert found.intervals[0][0] == "less than 1"
    assert found.intervals[-1][0] == "120 or more"


def test_without_a_test_nothing_is_said(builder: Builder) -> None:
    found = measured(builder.answer(ONE, 1, GOOD, rating=3).history())
    assert (found.retention, found.by_elapsed) == (None, [])
    assert recall.said(found) == ""
