"""What there is to do today is what a day's session would ask."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import Session

from app import memory, progress, queues, schedule
from app.progress import report
from app.progress.history import History
from app.tables import LOCAL_LEARNER, Learner
from tests.progress.conftest import GOOD, NOW, ONE, Builder


@pytest.mark.parametrize("per_day", [0, 1, 5])
def test_today_is_what_the_day_s_queue_would_ask(
    simulated: History, app: FastAPI, session: Session, per_day: int
) -> None:
    learner = session.get_one(Learner, LOCAL_LEARNER)
    learner.new_per_day = per_day
    session.commit()
    known = memory.recall(session, LOCAL_LEARNER)
    asked = set()
    last = max(card.due for card in known.cards.values())
    for moment in (simulated.reviews[0].at, NOW, NOW + timedelta(days=3), last):
        plan = schedule.plan(learner, moment)
        left = per_day - memory.introduced_today(session, LOCAL_LEARNER, plan)
        queue = queues.review(list(app.state.bank.values()), known, plan, left)
        today = progress.study(session, LOCAL_LEARNER, app.state.bank, moment).today
        assert today.due + today.new == len(queue)
        assert today.due == sum(item.slug in known.cards for item in queue)
        asked.add(today.due)
    assert len(asked) > 1


@pytest.mark.parametrize(("ago", "new"), [(0.1, 0), (3, 1)])
def test_what_was_begun_today_is_taken_off_the_new_ones(
    builder: Builder, ago: float, new: int
) -> None:
    history = builder.answer(ONE, ago, GOOD, rating=3).history()
    assert report._today(replace(history, new_per_day=1)).new == new


def test_before_the_first_rating_only_new_questions_are_left(
    app: FastAPI, session: Session
) -> None:
    today = progress.study(session, LOCAL_LEARNER, app.state.bank, NOW).today
    assert (today.due, today.new, today.days_left) == (0, 2, None)
