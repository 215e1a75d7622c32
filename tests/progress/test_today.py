"""The first page's figures: read from a few rows, and the same as those of the progress page."""

import pytest
from sqlmodel import Session

from app import memory
from app.progress import readiness, tallies, today
from app.progress.history import History
from app.progress.replay import replay
from app.tables import LOCAL_LEARNER


def test_the_first_page_says_what_the_progress_page_says(
    simulated: History, session: Session
) -> None:
    bank, plan = simulated.bank, simulated.plan
    cards = memory.cards(session, LOCAL_LEARNER)
    found = today.look(session, LOCAL_LEARNER, bank, plan, cards)
    ready = readiness.measure(simulated, replay(simulated))
    assert ready is not None
    assert found.readiness == pytest.approx(ready.today.mean)
    whole = tallies.measure(session, LOCAL_LEARNER, bank)
    assert (found.answers, found.practised) == (whole.answers, whole.practised)
    assert {row.answer_id: row.tally for row in found.recent}.items() <= {
        row.answer_id: row.tally for row in whole.recent
    }.items()


def test_before_the_first_answer_nothing_is_claimed(simulated: History, session: Session) -> None:
    found = today.look(session, LOCAL_LEARNER + 1, simulated.bank, simulated.plan, {})
    assert (found.answers, found.practised, found.readiness, found.recent) == (0, 0, None, [])
