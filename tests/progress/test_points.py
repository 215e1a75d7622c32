"""Points that stay missed, predictions by topic, and answers side by side."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.progress import growth, points, predictions
from app.tables import LabPrediction
from tests.progress.conftest import BAD, GOOD, ONE, TWO, Builder, marks


def test_the_most_missed_comes_first_and_what_was_made_last_is_gone(builder: Builder) -> None:
    builder.answer(ONE, 5, marks("1", missing="2345"))
    builder.answer(ONE, 4, marks("13", missing="2", contradicted="45"))
    builder.answer(ONE, 3, marks("1", missing="23", contradicted="4"))
    found = points.measure(builder.history())
    assert [(row.point.id, row.missing, row.marked) for row in found.missed] == [
        ("point-2", 3, 3),
        ("point-3", 2, 3),
        ("point-4", 1, 3),
        ("point-5", 1, 2),
    ]
    assert [row.point.id for row in found.contradicted] == ["point-4", "point-5"]
    assert (found.open, found.topics) == (4, {"attention"})


def test_a_point_made_in_a_drill_is_off_the_list(builder: Builder) -> None:
    builder.answer(ONE, 5, marks("1345", missing="2"))
    assert points.measure(builder.history()).open == 1
    builder.answer(ONE, 4, marks("2"), point_id="point-2")
    assert points.measure(builder.history()).open == 0


def test_of_each_question_the_newest_ten_answers_count(builder: Builder) -> None:
    for ago in range(30, 0, -1):
        builder.answer(ONE, ago, BAD if ago > 8 else marks("1345", missing="2"))
    [row] = points.measure(builder.history()).missed
    assert (row.point.id, row.missing, row.marked) == ("point-2", 10, 10)
    builder.answer(ONE, 0.5, marks("", missing="2"), point_id="point-2")
    [row] = points.measure(builder.history()).missed
    assert (row.missing, row.marked) == (10, 10)


def test_predictions_are_counted_under_the_topic_that_the_lab_serves(builder: Builder) -> None:
    history = builder.history()
    for lab, choice, outcome in (
        ("self-attention", 0, 0),
        ("self-attention", 0, 0),
        ("self-attention", 1, 0),
        ("served-by-none", 1, 1),
    ):
        row = LabPrediction(learner_id=1, lab=lab, address="/", choice=choice, outcome=outcome)
        history.predictions.append(row)
    found = predictions.measure(history)
    assert [(row.topic, row.right, row.count) for row in found] == [
        ("attention", 2, 3),
        ("other", 1, 1),
    ]
    assert predictions.measure(replace(history, predictions=[])) == []


words = st.lists(st.sampled_from("the a scores\n keys softmax √d".split(" ")), max_size=30)


@given(words, words)
def test_the_pieces_spell_both_answers(earlier: list[str], later: list[str]) -> None:
    one, two = " ".join(earlier), " ".join(later)
    pieces = growth.compare(one, two)
    assert "".join(piece.earlier for piece in pieces) == one.rstrip()
    assert "".join(piece.later for piece in pieces) == two.rstrip()
    for piece in pieces:
        assert (piece.kind == "kept") == (piece.earlier.split() == piece.later.split())
    if one.split() == two.split():
        assert all(piece.kind == "kept" for piece in pieces)


def test_no_word_of_a_long_answer_is_lost() -> None:
    one = " ".join(f"w{number}" for number in range(growth.LONGEST + 50))
    two = one.replace("w7 ", "seven ") + " more"
    pieces = growth.compare(one, two)
    assert "".join(piece.earlier for piece in pieces) == one
    assert "".join(piece.later for piece in pieces) == two
    assert [piece.kind for piece in pieces] == ["kept", "replaced", "kept", "replaced"]


def test_what_is_gained_one_way_is_lost_the_other(builder: Builder) -> None:
    question = builder.bank[ONE]
    earlier, later = marks("12", missing="345"), marks("134", contradicted="2")
    there = growth.change(question, earlier, later)
    back = growth.change(question, later, earlier)
    assert [point.id for point in there.gained] == ["point-3", "point-4"]
    assert [point.id for point in there.lost] == ["point-2"]
    assert (back.gained, back.lost) == (there.lost, there.gained)
    assert there.net == -back.net == 1


def test_growth_compares_the_last_two_marked_answers(builder: Builder) -> None:
    builder.answer(ONE, 5, BAD).answer(ONE, 4, GOOD).answer(ONE, 3, {})
    builder.answer(TWO, 5, GOOD)
    found = growth.measure(builder.history())
    assert (found.compared, found.more, found.fewer) == (1, 1, 0)
    assert [one.question.slug for one in found.gained] == [ONE]
