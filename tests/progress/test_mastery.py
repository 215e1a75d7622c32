"""Levels: each is earned by its rule and falls by it."""

import pytest

from app.progress import mastery
from app.progress.mastery import RANK, Mastery
from app.progress.replay import replay
from app.tables import Mark
from tests.progress.conftest import BAD, GOOD, HALF, ONE, TWO, Builder, marks

GOOD_ENOUGH = marks("1234", missing="5")  # 4 of 5, all essential: Good
FAIR = marks("123", missing="45")  # 3 of 5: Hard


def measured(builder: Builder) -> Mastery:
    history = builder.history()
    return mastery.measure(history, replay(history))


@pytest.mark.parametrize(
    ("final", "mode", "level"),
    [
        ({}, "review", "attempted"),  # not marked
        (BAD, "review", "attempted"),
        (marks("", missing="2345", contradicted="1"), "review", "attempted"),
        (HALF, "review", "familiar"),  # its one essential point
        (FAIR, "mock", "familiar"),
        (GOOD_ENOUGH, "learn", "proficient"),
        (GOOD, "quickfire", "proficient"),
        (GOOD, "drill", "proficient"),
        (GOOD_ENOUGH, "review", "mastered"),
        (GOOD, "mock", "mastered"),
    ],
)
def test_one_answer_earns_its_level(
    builder: Builder, final: dict[str, Mark], mode: str, level: str
) -> None:
    found = measured(builder.answer(ONE, 0.1, final, mode=mode, rating=3))
    assert found.levels == {ONE: level, TWO: "new"}


def test_mastery_lasts_through_good_answers_and_ends_with_one_that_is_not(
    builder: Builder,
) -> None:
    builder.answer(ONE, 3, GOOD, mode="review").answer(ONE, 2, GOOD, mode="learn")
    assert measured(builder).levels[ONE] == "mastered"
    builder.answer(ONE, 1, FAIR, mode="learn")
    assert measured(builder).levels[ONE] == "familiar"
    builder.answer(ONE, 0.5, GOOD, mode="learn")  # good again, in no mixed session since
    assert measured(builder).levels[ONE] == "proficient"


def test_an_answer_not_marked_yet_moves_nothing(builder: Builder) -> None:
    builder.answer(ONE, 2, GOOD, mode="review").answer(ONE, 1, {}, mode="review")
    assert measured(builder).levels[ONE] == "mastered"


def test_what_is_forgotten_stands_a_level_lower_and_never_below_attempted(
    builder: Builder,
) -> None:
    builder.answer(ONE, 400, GOOD, mode="review", rating=3)
    builder.answer(TWO, 400, BAD, mode="review", rating=1)
    assert measured(builder).levels == {ONE: "proficient", TWO: "attempted"}


def test_a_point_answer_earns_nothing(builder: Builder) -> None:
    assert measured(builder.answer(ONE, 1, GOOD, point_id="point-1")).levels[ONE] == "new"


def test_the_last_session_names_what_it_moved(builder: Builder) -> None:
    builder.answer(ONE, 5, GOOD, mode="review", rating=3, session=7)
    builder.answer(TWO, 5, HALF, mode="review", rating=3, session=7)
    builder.answer(ONE, 0.02, BAD, mode="review", rating=1, session=9)
    builder.answer(TWO, 0.01, GOOD, mode="review", rating=3, session=9)
    moves = {move.slug: (move.before, move.after) for move in measured(builder).moves}
    assert moves == {ONE: ("mastered", "attempted"), TWO: ("familiar", "mastered")}
    assert [move.is_up for move in measured(builder).moves] == [False, True]


def test_an_answer_outside_of_a_session_is_no_session(builder: Builder) -> None:
    builder.answer(ONE, 1, GOOD)
    builder.answers[0] = builder.answers[0]._replace(session_id=None)
    found = measured(builder)
    assert (found.last_session, found.moves) == (None, [])
    assert found.levels[ONE] == "proficient"


def test_a_topic_stands_where_two_thirds_of_its_questions_have_passed(builder: Builder) -> None:
    builder.answer(ONE, 1, GOOD, mode="review")
    assert measured(builder).topics[0].level == "new"  # one of two is not two thirds
    builder.answer(TWO, 1, HALF)
    [topic] = measured(builder).topics
    assert topic.level == "familiar"
    assert sum(topic.counts.values()) == 2


def test_a_worse_answer_never_raises_a_level(builder: Builder) -> None:
    for before in (BAD, HALF, FAIR, GOOD):
        for mode in ("learn", "review"):
            one = Builder(builder.bank).answer(ONE, 2, before, mode=mode)
            was = measured(one).levels[ONE]
            assert RANK[measured(one.answer(ONE, 1, BAD, mode=mode)).levels[ONE]] <= RANK[was]
