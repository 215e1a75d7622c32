"""Readiness against its definition written out, and against itself on a past day."""

from dataclasses import replace
from datetime import timedelta

import fsrs
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from app.progress import intervals, readiness
from app.progress.history import History
from app.progress.readiness import Readiness
from app.progress.replay import replay
from tests.progress.conftest import BAD, GOOD, HALF, NOW, ONE, TWO, Builder, cards


def measured(history: History) -> Readiness:
    found = readiness.measure(history, replay(history))
    assert found is not None
    return found


def test_nothing_rated_is_nothing_known(builder: Builder) -> None:
    assert readiness.measure(builder.history(), {}) is None
    assert readiness.measure(builder.answer(ONE, 1, GOOD).history(), {}) is None


def test_readiness_is_recall_times_share_over_all_questions(builder: Builder) -> None:
    builder.answer(ONE, 30, GOOD, rating=4).answer(ONE, 9, GOOD, rating=3)
    found = measured(builder.history())
    scheduler, card = fsrs.Scheduler(enable_fuzzing=False), fsrs.Card()
    for rating, ago in ((4, 30), (3, 9)):
        at = NOW - timedelta(days=ago)
        card, _ = scheduler.review_card(card, fsrs.Rating(rating), at)
    recall = scheduler.get_card_retrievability(card, NOW)
    assert 0 < recall < 1
    assert found.today.mean == pytest.approx(recall / 2)  # the other question counts 0
    assert (found.rated, found.questions, found.unrated) == (1, 2, 0)


def test_the_share_is_that_of_the_last_marked_answer_to_the_whole(builder: Builder) -> None:
    builder.answer(ONE, 3, BAD, rating=3).answer(ONE, 2, GOOD, rating=3)
    builder.answer(ONE, 1, {}).answer(ONE, 0.5, BAD, point_id="point-1")
    assert measured(builder.history()).today.mean == pytest.approx(0.5, abs=0.05)


def test_answered_and_never_rated_counts_nothing_and_is_named(builder: Builder) -> None:
    builder.answer(ONE, 1, GOOD, rating=3)
    alone = measured(builder.history())
    builder.answer(TWO, 1, GOOD)
    both = measured(builder.history())
    assert both.today == alone.today
    assert (alone.unrated, both.unrated) == (0, 1)


def test_a_past_day_is_what_would_have_been_measured_then(simulated: History) -> None:
    found = measured(simulated)
    assert len(found.days) > 30
    for place in (5, 20, len(found.days) - 2):
        plan = replace(
            simulated.plan, moment=simulated.plan.start_of(found.days[place] + timedelta(days=1))
        )
        reviews = [one for one in simulated.reviews if one.at <= plan.moment]
        then = History(
            bank=simulated.bank,
            plan=plan,
            new_per_day=5,
            answers=[one for one in simulated.answers if one.at <= plan.moment],
            reviews=reviews,
            cards=cards(reviews),
        )
        assert found.line[place].mean == pytest.approx(measured(then).today.mean)


def test_the_line_ends_at_today(simulated: History) -> None:
    found = measured(simulated)
    assert found.days[-1] == simulated.plan.today
    assert found.line[-1] == found.today
    assert all(share.low <= share.mean <= share.high for share in found.line)


def test_the_gain_of_four_weeks_is_against_the_day_four_weeks_ago(simulated: History) -> None:
    found = measured(simulated)
    then = found.days.index(simulated.plan.today - timedelta(days=28))
    assert found.month == pytest.approx(found.today.mean - found.line[then].mean)
    assert found.month != 0


def test_a_long_history_is_sampled_and_keeps_the_day_four_weeks_ago(builder: Builder) -> None:
    builder.answer(ONE, 300, GOOD, rating=3).answer(ONE, 20, GOOD, rating=3)
    found = measured(builder.history())
    assert len(found.days) < 70
    assert found.days == sorted(set(found.days))
    assert found.month is not None


def test_a_short_history_has_no_four_weeks(builder: Builder) -> None:
    assert measured(builder.answer(ONE, 20, GOOD, rating=3).history()).month is None


def test_topics_average_to_the_whole(simulated: History) -> None:
    found = measured(simulated)
    total = sum(row.share.mean * row.questions for row in found.topics)
    assert total / found.questions == pytest.approx(found.today.mean)


@pytest.mark.parametrize("ahead", [0, 10, 100])
def test_without_reviews_readiness_falls_and_with_them_it_is_never_lower(
    builder: Builder, ahead: int
) -> None:
    builder.answer(ONE, 60, HALF, rating=3).answer(TWO, 40, GOOD, rating=4)
    builder.plan = replace(builder.plan, interview_on=NOW.date() + timedelta(days=ahead))
    found = measured(builder.history())
    to = found.projection
    assert to is not None
    assert (to.pace, to.new) == (0, 0)
    assert to.left_alone <= found.today.mean + 1e-9
    assert to.left_alone <= to.reviewed <= 1
    assert to.reviewed >= 0.97 - 1e-9  # every point made, kept at the retention of that day
    if not ahead:
        assert to.left_alone == pytest.approx(found.today.mean)


def test_the_pace_is_new_questions_over_a_fortnight(builder: Builder) -> None:
    builder.plan = replace(builder.plan, interview_on=NOW.date() + timedelta(days=28))
    builder.answer(ONE, 3, GOOD, rating=3).answer(ONE, 1, GOOD, rating=3)
    to = measured(builder.history()).projection
    assert to is not None
    assert to.pace == pytest.approx(1 / 14)
    assert to.new == 1  # two would come, one is left
    old = Builder(builder.bank, interview_on=builder.plan.interview_on)
    stopped = measured(old.answer(ONE, 20, GOOD, rating=3).history()).projection
    assert stopped is not None
    assert stopped.new == 0


def test_no_projection_without_an_interview_or_after_it(builder: Builder) -> None:
    builder.answer(ONE, 1, GOOD, rating=3)
    assert measured(builder.history()).projection is None
    builder.plan = replace(builder.plan, interview_on=NOW.date() - timedelta(days=1))
    assert measured(builder.history()).projection is None


def test_talks_are_not_asked(builder: Builder) -> None:
    history = builder.answer(ONE, 1, GOOD, rating=3).history()
    assert [question.slug for question in history.asked] == [ONE, TWO]
    talk = history.bank[TWO].model_copy(update={"deck": "talks"})
    history.bank._questions[TWO] = talk
    fewer = builder.history()
    assert measured(fewer).today.mean == pytest.approx(2 * measured(history).today.mean)


def test_the_bootstrap_is_scipys() -> None:
    values = np.random.default_rng(3).beta(2, 1, 90)
    low, high = intervals.bootstrap(values)
    theirs = scipy.stats.bootstrap((values,), np.mean, method="percentile", rng=5)
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.01)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.01)
    assert intervals.bootstrap(values) == (low, high)  # seeded


@settings(max_examples=30)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_score_interval_is_scipys(counts: tuple[int, int]) -> None:
    right, count = counts
    theirs = scipy.stats.binomtest(right, count).proportion_ci(method="wilson")
    assert intervals.wilson(right, count) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
