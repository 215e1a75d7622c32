"""Sessions: every step kept, none taken twice, one taken back, all of it resumable."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel import Session, SQLModel, select

from app import drafts, fitting, memory, practice, schedule, sessions, steps, summary
from app.bank import Bank
from app.drafts import DraftForm
from app.grading import PointVerdict
from app.practice import AnswerForm
from app.question import Point, Question
from app.queues import Choice
from app.tables import (
    LOCAL_LEARNER,
    Answer,
    Card,
    Draft,
    Learner,
    PracticeItem,
    PracticeSession,
    Review,
)

ME = LOCAL_LEARNER


class Reader:
    """A grader of three lines: a point is made where its number is written, denied by "not 2"."""

    name = "reader"
    version = "7"

    def grade(self, question: Question, points: Sequence[Point], answer: str) -> list[PointVerdict]:
        def verdict(point: Point) -> PointVerdict:
            number = point.id[-1]
            if f"not {number}" in answer:
                return PointVerdict(point.id, "contradicted", 0.9, f"not {number}")
            return PointVerdict(point.id, "made" if number in answer else "missing", 0.8)

        return [verdict(point) for point in points]


@pytest.fixture
def bank(app: FastAPI) -> Bank:
    return cast(Bank, app.state.bank)


@pytest.fixture
def learner(session: Session) -> Learner:
    return session.get_one(Learner, ME)


def begin(session: Session, learner: Learner, bank: Bank, **choice: Any) -> PracticeSession:
    wanted = Choice.model_validate({"mode": "review"} | choice)
    return sessions.start(session, learner, bank, wanted, random.Random(0))


def answer(
    session: Session, sitting: PracticeSession, bank: Bank, words: str, **fields: Any
) -> PracticeItem:
    item = sessions.current(sessions.items(session, sitting))
    assert item is not None
    form = AnswerForm.model_validate({"text": words} | fields)
    steps.answer(session, sitting, item, bank[item.slug], form, Reader())
    return item


def rate(
    session: Session, sitting: PracticeSession, item: PracticeItem, bank: Bank, rating: int
) -> Card:
    learner = session.get_one(Learner, ME)
    return steps.rate(session, learner, sitting, item, bank[item.slug], rating)


def everything(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as the database has it."""
    session.commit()
    return {
        table: sorted(map(tuple, session.execute(text(f'SELECT * FROM "{table}"'))), key=repr)
        for table in SQLModel.metadata.tables
    }


def test_a_session_asks_rates_and_ends(session: Session, learner: Learner, bank: Bank) -> None:
    sitting = begin(session, learner, bank)
    for expected in ("why-scale", "what-is-a-mask"):
        item = answer(session, sitting, bank, "1 2 3 4 5")
        assert item.slug == expected
        assert sessions.unrated(sitting, sessions.items(session, sitting)) == item
        assert sitting.finished_at is None
        rate(session, sitting, item, bank, 3)
    assert sitting.finished_at is not None
    assert memory.practised(session, ME) == {"why-scale": 1, "what-is-a-mask": 1}
    assert {card.slug for card in session.exec(select(Card))} == {"why-scale", "what-is-a-mask"}


def test_the_verdicts_are_kept_with_the_graders_name(
    session: Session, learner: Learner, bank: Bank
) -> None:
    item = answer(session, begin(session, learner, bank), bank, "1 and 3 but not 2")
    kept = session.get_one(Answer, item.answer_id)
    verdicts = practice.verdicts(session, [kept])[cast(int, kept.id)]
    assert {name: row.verdict for name, row in verdicts.items()} == {
        "point-1": "made",
        "point-2": "contradicted",
        "point-3": "made",
        "point-4": "missing",
        "point-5": "missing",
    }
    assert {(row.grader, row.grader_version) for row in verdicts.values()} == {("reader", "7")}
    assert verdicts["point-2"].quote == "not 2"


def test_the_suggestion_and_the_candidates_rating_are_both_kept(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    item = answer(session, sitting, bank, "1 2 3 4 5")
    rate(session, sitting, item, bank, 2)
    review = session.exec(select(Review)).one()
    assert (review.suggested, review.rating, review.answer_id) == (4, 2, item.answer_id)


def test_a_changed_verdict_changes_the_suggestion(
    session: Session, learner: Learner, bank: Bank
) -> None:
    item = answer(session, begin(session, learner, bank), bank, "2 3 4 5")
    question = bank[item.slug]
    assert steps.suggested(session, item, question) == schedule.AGAIN
    kept = session.get_one(Answer, item.answer_id)
    practice.mark(session, kept, question, {"point-1": "made"})
    assert steps.suggested(session, item, question) == schedule.EASY


def test_the_cards_move_as_py_fsrs_moves_them(
    session: Session, learner: Learner, bank: Bank
) -> None:
    import fsrs

    scheduler, theirs = fsrs.Scheduler(enable_fuzzing=False), fsrs.Card()
    moment = datetime(2026, 5, 4, 12, tzinfo=UTC)
    for day, rating in ((0, 3), (1, 3), (9, 1), (9, 2), (30, 4)):
        sitting = begin(session, learner, bank, question="why-scale")
        item = answer(session, sitting, bank, "1")
        at = moment + timedelta(days=day)
        ours = steps.rate(session, learner, sitting, item, bank["why-scale"], rating, at)
        theirs, _ = scheduler.review_card(theirs, fsrs.Rating(rating), at)
        assert (ours.stability, ours.difficulty, ours.due) == (
            theirs.stability,
            theirs.difficulty,
            theirs.due,
        )


def test_a_second_answer_is_refused_and_its_text_kept(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    item = answer(session, sitting, bank, "the first 1", submission="a")
    with pytest.raises(steps.Stale):
        steps.answer(
            session, sitting, item, bank[item.slug], AnswerForm(text="the second"), Reader()
        )
    assert [row.text for row in session.exec(select(Answer))] == ["the first 1"]
    assert [draft.text for draft in drafts.begun(session, ME)] == ["the second"]


def test_the_same_form_once_more_is_the_same_answer(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    item = answer(session, sitting, bank, "the first 1", submission="a")
    form = AnswerForm(text="the first 1", submission="a")
    again = steps.answer(session, sitting, item, bank[item.slug], form, Reader())
    assert again.id == item.answer_id
    assert len(list(session.exec(select(Answer)))) == 1
    assert drafts.begun(session, ME) == []


def test_an_answer_is_rated_once(session: Session, learner: Learner, bank: Bank) -> None:
    sitting = begin(session, learner, bank)
    item = answer(session, sitting, bank, "1")
    rate(session, sitting, item, bank, 3)
    before = everything(session)
    with pytest.raises(steps.Stale):
        rate(session, sitting, item, bank, 4)
    assert everything(session) == before


def test_nothing_is_rated_before_it_is_answered(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    [first, _] = sessions.items(session, sitting)
    with pytest.raises(steps.Stale):
        rate(session, sitting, first, bank, 4)


@pytest.mark.parametrize("rated_before", [False, True])
@pytest.mark.parametrize("on_the_last", [False, True])
def test_undoing_a_rating_restores_every_row_bit_for_bit(
    session: Session, learner: Learner, bank: Bank, rated_before: bool, on_the_last: bool
) -> None:
    if rated_before:
        earlier = begin(session, learner, bank)
        for _ in range(2):
            rate(session, earlier, answer(session, earlier, bank, "1 2"), bank, 4)
        for card in session.exec(select(Card)):
            card.due = datetime(2026, 1, 1, 12, 30, 1, 234567, tzinfo=UTC)
        session.commit()
    sitting = begin(session, learner, bank)
    if on_the_last:
        rate(session, sitting, answer(session, sitting, bank, "1 2 3"), bank, 3)
    item = answer(session, sitting, bank, "1 2 3")
    before = everything(session)
    rate(session, sitting, item, bank, 1)
    assert everything(session) != before
    steps.undo_last(session, sitting)
    after = everything(session)
    # The way back itself is used up; all else is as it was.
    assert _without_undo(after) == _without_undo(before)
    with pytest.raises(steps.NothingToUndo):
        steps.undo_last(session, sitting)


def _without_undo(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    sittings = [row[:-1] for row in rows["practice_session"]]
    assert PracticeSession.__table__.columns.keys()[-1] == "undo"  # type: ignore[attr-defined]
    return rows | {"practice_session": sittings}


def test_undoing_an_answer_makes_it_a_draft_again(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="typed 1", seconds=33))
    before = everything(session)
    answer(session, sitting, bank, "typed 1", revision=1)
    assert drafts.begun(session, ME) == []
    steps.undo_last(session, sitting)
    assert _without_undo(everything(session)) == _without_undo(before)


def test_undoing_an_answer_that_was_never_a_draft_keeps_its_text(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    answer(session, sitting, bank, "sent at once 1")
    steps.undo_last(session, sitting)
    assert [draft.text for draft in drafts.begun(session, ME)] == ["sent at once 1"]
    assert memory.practised(session, ME) == {}


def test_undoing_in_an_interview_takes_the_follow_up_back(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank, mode="mock", minutes=20)
    before = everything(session)
    answer(session, sitting, bank, "nothing of the kind")
    steps.undo_last(session, sitting)
    after = everything(session)
    assert _without_undo(after) | {"draft": []} == _without_undo(before)


def test_a_follow_up_asks_for_the_essential_point_that_was_missed(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank, mode="mock", minutes=20)
    first = answer(session, sitting, bank, "2 3 4 5")
    asked = sessions.items(session, sitting)
    follow_up = asked[1]
    assert (follow_up.kind, follow_up.slug, follow_up.point_id) == (
        "follow_up",
        first.slug,
        "point-1",
    )
    assert [item.position for item in asked] == list(range(len(asked)))
    answer(session, sitting, bank, "1, of course")
    assert len(sessions.items(session, sitting)) == len(asked)  # a follow-up has none itself
    told = summary.sum_up(session, sitting, bank)
    assert (told.made, told.points) == (5, 5)
    assert told.study == []


def test_an_answer_that_makes_every_essential_point_has_no_follow_up(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank, mode="mock", minutes=20)
    count = len(sessions.items(session, sitting))
    answer(session, sitting, bank, "1")
    assert len(sessions.items(session, sitting)) == count


def test_a_hint_is_remembered_and_caps_the_suggestion(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    item = sessions.items(session, sitting)[0]
    assert steps.hint(session, item, bank[item.slug]).id == "point-1"
    answer(session, sitting, bank, "1 2 3 4 5")
    assert steps.suggested(session, item, bank[item.slug]) == schedule.HARD
    other = sessions.items(session, sitting)[1]
    answer_first = answer(session, sitting, bank, "1")
    assert other.id == answer_first.id
    with pytest.raises(steps.Stale):
        steps.hint(session, answer_first, bank[answer_first.slug])


def test_giving_up_is_no_practice_and_suggests_again(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    item = sessions.items(session, sitting)[0]
    steps.give_up(session, sitting, item)
    assert memory.practised(session, ME) == {}
    assert steps.suggested(session, item, bank[item.slug]) == schedule.AGAIN
    told = summary.sum_up(session, sitting, bank)
    assert (told.answered, told.made, told.points) == (0, 0, 5)
    assert len(told.study) == 5


def test_a_point_answered_again_is_its_own_answer_and_no_practice(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    item = answer(session, sitting, bank, "2 3")
    question = bank[item.slug]
    steps.answer_again(session, item, question, "point-1", AnswerForm(text="1 now"), Reader())
    assert memory.practised(session, ME) == {item.slug: 1}
    assert memory.latest_marks(session, ME)[item.slug]["point-1"] == "made"
    assert steps.suggested(session, item, question) == schedule.AGAIN  # the first answer counts


def test_a_drill_asks_for_what_was_missed_and_lets_go_of_what_is_made(
    session: Session, learner: Learner, bank: Bank
) -> None:
    with pytest.raises(sessions.NothingToAsk):
        begin(session, learner, bank, mode="drill")
    answer(session, begin(session, learner, bank, question="why-scale"), bank, "1 2 3 not 4")
    sitting = begin(session, learner, bank, mode="drill")
    asked = sessions.items(session, sitting)
    assert [item.point_id for item in asked] == ["point-4", "point-5"]
    answer(session, sitting, bank, "4")
    answer(session, sitting, bank, "no idea")
    assert sitting.finished_at is not None
    assert [
        item.point_id
        for item in sessions.items(session, begin(session, learner, bank, mode="drill"))
    ] == ["point-5"]


def test_another_learners_session_is_not_found(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    assert sessions.find(session, ME, cast(int, sitting.id)) is not None
    assert sessions.find(session, ME + 1, cast(int, sitting.id)) is None


def test_a_half_finished_session_counts_nothing_but_its_answers(
    session: Session, learner: Learner, bank: Bank
) -> None:
    sitting = begin(session, learner, bank)
    drafts.save(session, Draft, ME, "why-scale", DraftForm(text="half an ans"))
    assert memory.practised(session, ME) == {}
    told = summary.sum_up(session, sitting, bank)
    assert (told.answered, told.points) == (0, 0)


def test_replaying_the_reviews_gives_the_cards_that_are_there(
    session: Session, learner: Learner, bank: Bank
) -> None:
    for words, rating in (("1", 3), ("1 2", 1), ("1 2 3", 4)):
        sitting = begin(session, learner, bank, question="why-scale")
        rate(session, sitting, answer(session, sitting, bank, words), bank, rating)
    before = everything(session)["card"]
    fitting.replay(session, learner)
    assert everything(session)["card"] == before


def test_reviews_are_replayed_by_their_moment_whatever_order_they_came_in(
    session: Session, learner: Learner, bank: Bank
) -> None:
    """An import adds older ratings after newer ones."""
    moment = datetime(2026, 5, 4, 12, tzinfo=UTC)
    log = [(0, 3), (2, 1), (9, 4)]
    expected = schedule.replay(
        learner, "why-scale", [(rating, moment + timedelta(days=day)) for day, rating in log]
    )
    assert expected is not None
    sitting = begin(session, learner, bank, question="why-scale")
    item = answer(session, sitting, bank, "1")
    for day, rating in reversed(log):
        session.add(
            Review(
                learner_id=ME,
                slug="why-scale",
                item_id=cast(int, item.id),
                suggested=1,
                rating=rating,
                reviewed_at=moment + timedelta(days=day),
            )
        )
    session.flush()
    fitting.replay(session, learner)
    session.commit()
    card = session.get_one(Card, (ME, "why-scale"))
    assert (card.stability, card.due) == (expected.stability, expected.due)
