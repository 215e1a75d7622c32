"""The schedule: py-fsrs's own results, the rule of the suggested rating, the interview's pull."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import cast, get_args

import fsrs
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app import schedule
from app.question import Question
from app.schedule import AGAIN, EASY, GOOD, HARD, Plan
from app.tables import Card, Learner, Mark

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
logs = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 40 * 24 * 60)), min_size=1, max_size=15)


def plan_at(moment: datetime, interview: date | None = None) -> Plan:
    return schedule.plan(Learner(interview_on=interview), moment)


def replay(log: list[tuple[int, int]], interview: date | None = None) -> tuple[Card, datetime]:
    """A card after ratings given the stated minutes after each other, and the last moment."""
    card, moment = None, START
    for rating, minutes in log:
        moment += timedelta(minutes=minutes)
        rated = schedule.preview(plan_at(moment, interview), card)[rating]
        card = card or Card(learner_id=1, slug="s", state=0, due=moment)
        schedule.keep(card, rated)
    assert card is not None
    return card, moment


@given(logs)
def test_a_log_gives_what_py_fsrs_gives(log: list[tuple[int, int]]) -> None:
    scheduler, theirs, moment = fsrs.Scheduler(enable_fuzzing=False), fsrs.Card(), START
    for rating, minutes in log:
        moment += timedelta(minutes=minutes)
        theirs, _ = scheduler.review_card(theirs, fsrs.Rating(rating), moment)
    ours, _ = replay(log)
    names = ("step", "stability", "difficulty", "due", "last_review")
    assert [getattr(ours, name) for name in names] == [getattr(theirs, name) for name in names]
    assert ours.state == theirs.state.value


@given(logs, st.integers(1, 200))
def test_memory_itself_does_not_depend_on_the_interview(
    log: list[tuple[int, int]], ahead: int
) -> None:
    free, _ = replay(log)
    bound, _ = replay(log, (START + timedelta(days=ahead)).date())
    assert (bound.stability, bound.difficulty) == (free.stability, free.difficulty)


@given(logs, st.integers(0, 400), st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]))
def test_no_date_reaches_into_the_interviews_day(
    log: list[tuple[int, int]], ahead: int, zone: str
) -> None:
    card, moment = replay(log)
    interview = moment.date() + timedelta(days=ahead)
    learner = Learner(interview_on=interview, zone=zone)
    plan = schedule.plan(learner, moment)
    latest = max(plan.start_of(interview), moment + timedelta(days=1))
    for rated in schedule.preview(plan, card).values():
        assert rated.due <= latest or plan.days_left is None


def test_the_desired_retention_rises_to_the_interview_and_falls_back_after_it() -> None:
    interview = date(2026, 6, 30)
    wanted = [
        plan_at(datetime(2026, 6, 30, 12, tzinfo=UTC) - timedelta(days=left), interview).retention
        for left in range(60, -2, -1)
    ]
    assert wanted[:-1] == sorted(wanted[:-1])
    assert wanted[0] == wanted[-1] == 0.9
    assert max(wanted) == wanted[-2] == pytest.approx(0.97)


@given(logs)
def test_the_dates_on_the_buttons_never_fall_with_a_better_rating(
    log: list[tuple[int, int]],
) -> None:
    card, moment = replay(log)
    dues = [rated.due for rated in schedule.preview(plan_at(moment), card).values()]
    assert dues == sorted(dues)


def test_a_question_never_rated_has_no_retrievability_and_one_just_rated_all() -> None:
    card, moment = replay([(3, 0)])
    assert schedule.retrievability(plan_at(moment), None) == 0
    assert schedule.retrievability(plan_at(moment), card) == 1


# The rule of the suggested rating, on a question of five points; the first is essential.


@pytest.fixture
def question(app: FastAPI) -> Question:
    return cast(Question, app.state.bank["why-scale"])


def marks(*made: int, **others: Mark) -> dict[str, Mark]:
    given: dict[str, Mark] = {f"point-{number}": "missing" for number in range(1, 6)}
    given |= {f"point-{number}": "made" for number in made}
    return given | {name.replace("_", "-"): mark for name, mark in others.items()}


def test_an_essential_point_missed_or_contradicted_is_again(question: Question) -> None:
    assert schedule.suggest(question, marks(2, 3, 4, 5)) == AGAIN
    assert schedule.suggest(question, marks(2, 3, 4, 5, point_1="contradicted")) == AGAIN


@pytest.mark.parametrize(
    ("made", "rating"), [(1, AGAIN), (2, AGAIN), (3, HARD), (4, GOOD), (5, EASY)]
)
def test_the_share_made_gives_the_rating(question: Question, made: int, rating: int) -> None:
    assert schedule.suggest(question, marks(*range(1, made + 1))) == rating


@pytest.mark.parametrize(
    ("weights", "rating"), [((2, 2), HARD), ((3, 1), HARD), ((9, 1), GOOD), ((1, 1), HARD)]
)
def test_the_bounds_belong_to_the_lower_rating_but_the_half(
    question: Question, weights: tuple[int, int], rating: int
) -> None:
    """1/2 is Hard, 3/4 is still Hard, 9/10 still Good, exactly."""
    first, second = question.points[:2]
    two = question.model_copy(
        update={
            "points": (
                first.model_copy(update={"weight": weights[0]}),
                second.model_copy(update={"weight": weights[1]}),
            )
        }
    )
    assert schedule.suggest(two, marks(1)) == rating


def test_a_hint_costs_a_mark_and_allows_hard_at_most(question: Question) -> None:
    assert schedule.suggest(question, marks(1, 2, 3, 4, 5), hinted=True) == HARD
    assert schedule.suggest(question, marks(1, 2, 3, 4), hinted=True) == HARD
    assert schedule.suggest(question, marks(1, 2, 3), hinted=True) == AGAIN


def test_what_is_unsure_is_not_made_and_not_missed(question: Question) -> None:
    assert schedule.suggest(question, marks(2, 3, 4, 5, point_1="unsure")) == GOOD
    assert schedule.suggest(question, {}) == AGAIN


def test_making_one_more_point_never_lowers_the_rating(question: Question) -> None:
    names = [point.id for point in question.points]
    for drawn in itertools.product(get_args(Mark), repeat=len(names)):
        given_marks: dict[str, Mark] = dict(zip(names, drawn, strict=True))
        before = schedule.suggest(question, given_marks)
        for name in names:
            assert schedule.suggest(question, given_marks | {name: "made"}) >= before
