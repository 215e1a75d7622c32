"""What counts: submitted answers to whole questions, each with the last verdict of a point."""

import random
from dataclasses import replace
from typing import cast

from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from app import drafts, practice, progress, sessions, steps
from app.drafts import DraftForm
from app.practice import AnswerForm
from app.progress import Report
from app.progress.history import History, _unpack
from app.progress.outcome import Rubric
from app.progress.replay import replay
from app.queues import Choice
from app.tables import LOCAL_LEARNER, Answer, Card, Draft, Learner
from tests.progress.conftest import NOW, ONE

ME = LOCAL_LEARNER


def numbers(report: Report) -> list[object]:
    """All that the page says in numbers."""
    return [(one.reading, one.rows) for one in report.exhibits.values()]


def test_a_half_finished_session_counts_once_an_answer_is_submitted(
    app: FastAPI, session: Session
) -> None:
    bank, learner = app.state.bank, session.get_one(Learner, ME)
    empty = numbers(progress.study(session, ME, bank, NOW))
    sitting = sessions.start(session, learner, bank, Choice(mode="learn"), random.Random(0))
    [item, *_] = sessions.items(session, sitting)
    steps.open_item(session, item)
    drafts.save(session, Draft, ME, item.slug, DraftForm(text="Half of an ans"))
    begun = progress.study(session, ME, bank, NOW)
    assert numbers(begun) == empty
    assert begun.tallies.answers == 0

    steps.answer(session, sitting, item, bank[item.slug], AnswerForm(text="An answer."))
    counted = progress.study(session, ME, bank)
    assert counted.tallies.answers == counted.effort.answers == 1
    assert counted.mastery.levels[item.slug] == "attempted"


def test_an_answer_to_one_point_is_no_practice(app: FastAPI, session: Session) -> None:
    question = app.state.bank[ONE]
    empty = numbers(progress.study(session, ME, app.state.bank, NOW))
    form = AnswerForm(text="The point alone.")
    answer = practice.submit(session, ME, question, form, point_id="point-1")
    practice.mark(session, answer, question, {"point-1": "missing"})
    report = progress.study(session, ME, app.state.bank, NOW)
    assert numbers(report) == empty
    assert (report.tallies.answers, report.effort.streak) == (0, 0)
    assert report.points.open == 1  # what was said of the point is known


def test_an_answer_taken_back_counts_no_more(app: FastAPI, session: Session) -> None:
    bank, learner = app.state.bank, session.get_one(Learner, ME)
    sitting = sessions.start(session, learner, bank, Choice(mode="learn"), random.Random(0))
    before = numbers(progress.study(session, ME, bank, NOW))
    [item, *_] = sessions.items(session, sitting)
    steps.answer(session, sitting, item, bank[item.slug], AnswerForm(text="An answer."))
    steps.undo_last(session, sitting)
    assert numbers(progress.study(session, ME, bank, NOW)) == before


def test_verdicts_read_in_one_go_are_those_read_one_by_one(
    simulated: History, session: Session
) -> None:
    answers = list(session.exec(select(Answer)))
    singly = practice.verdicts(session, answers)
    together = {one.id: one for one in simulated.answers + simulated.point_answers}
    assert together.keys() == singly.keys()
    for number, rows in singly.items():
        verdicts = together[number].verdicts
        assert verdicts.final == {point: row.verdict for point, row in rows.items()}
        assert verdicts.is_changed == any(row.grader == practice.SELF for row in rows.values())


RUBRIC = Rubric(("a", "b", "c"), ("a",))
said = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["made", "missing", "unsure"]), st.sampled_from("01")
)


@given(st.lists(said, min_size=1, max_size=12), st.randoms())
def test_the_order_in_which_the_database_packs_verdicts_changes_nothing(
    given_verdicts: list[tuple[str, str, str]], rng: random.Random
) -> None:
    rows = [
        f"{number} {point} {verdict} {own} {'0.5' if own == '0' else ''}"
        for number, (point, verdict, own) in enumerate(given_verdicts, 9)
    ]
    ordered = _unpack(",".join(rows), RUBRIC)
    rng.shuffle(rows)
    assert _unpack(",".join(rows), RUBRIC) == ordered
    assert ordered.final == {point: verdict for point, verdict, _ in given_verdicts}


def test_a_point_that_the_question_no_longer_has_is_left_out() -> None:
    verdicts = _unpack("1 gone contradicted 0 0.9,2 a made 0 0.8", RUBRIC)
    assert verdicts.final == {"a": "made"}
    assert verdicts.stated == [(0.8, True)]
    assert (verdicts.share, verdicts.held, verdicts.is_changed) == (1.0, True, False)


def test_a_grader_that_was_unsure_has_said_nothing() -> None:
    verdicts = _unpack("1 a unsure 0 0.4,2 b made 0 0.8,3 c missing 0 ", RUBRIC)
    assert verdicts.stated == [(0.8, True)]


def test_a_grader_sure_of_a_verdict_that_was_changed_was_wrong() -> None:
    verdicts = _unpack("1 a made 0 0.9,2 b made 0 0.8,3 a missing 1 ", RUBRIC)
    assert verdicts.stated == [(0.9, False), (0.8, True)]
    assert verdicts.is_changed


def test_a_replayed_log_ends_at_the_cards_of_the_database(
    simulated: History, session: Session
) -> None:
    stored = {card.slug: card for card in session.exec(select(Card))}
    steps_of = replay(simulated)
    assert steps_of.keys() == stored.keys()
    for slug, known in steps_of.items():
        last, card = known[-1].card, stored[slug]
        assert (last.stability, last.difficulty) == (card.stability, card.difficulty)
        assert last.last_review == card.last_review


def test_other_weights_replay_to_another_memory(simulated: History) -> None:
    usual = replay(simulated)
    weights = cast(tuple[float, ...], tuple(simulated.plan.scheduler().parameters))
    slower = (weights[0] * 2, *weights[1:2], weights[2] * 2, weights[3] * 2, *weights[4:])
    plan = replace(simulated.plan, weights=slower)
    other = replay(replace(simulated, plan=plan))
    assert any(other[slug][-1].card.stability != usual[slug][-1].card.stability for slug in usual)
