"""Quotes: sentences and their places, and an answer cut where they begin and end."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.quotes import locate, locate_words, pieces, sentences
from app.tables import Verdict

TEXT = st.text(st.sampled_from("ab .!?\n<&é"), max_size=60)


def verdict(point: str, quote: str | None, start: int | None = None) -> Verdict:
    return Verdict(
        learner_id=1,
        answer_id=1,
        point_id=point,
        verdict="made",
        quote=quote,
        start=start,
        grader="x",
        grader_version="1",
    )


@given(text=TEXT)
def test_sentences_stand_where_they_say_and_leave_out_nothing_but_space(text: str) -> None:
    found = sentences(text)
    assert all(text[span.start : span.end] == span.text for span in found)
    between = [0, *(place for span in found for place in (span.start, span.end)), len(text)]
    gaps = zip(between[::2], between[1::2], strict=True)
    assert "".join(text[start:end] for start, end in gaps).strip() == ""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It is 0.5 here. And there!", ["It is 0.5 here.", "And there!"]),
        (
            "Norms, e.g. RMSNorm, help. So (they say.) Yes",
            ["Norms, e.g. RMSNorm, help.", "So (they say.)", "Yes"],
        ),
        ("one\n\n- two\n- three", ["one", "- two", "- three"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_a_sentence_ends_at_its_mark_or_its_line(text: str, parts: list[str | int]) -> None:
    found = [span.text for span in sentences(text)]
    if parts and isinstance(parts[-1], int):
        assert (found[0], len(found) - 1) == tuple(parts)
    else:
        assert found == parts


@given(
    text=TEXT,
    cuts=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=5),
)
def test_an_answer_in_pieces_is_the_answer_and_each_quote_is_whole(
    text: str, cuts: Sequence[tuple[int, int, bool]]
) -> None:
    rows = [
        verdict(f"p{index}", text[min(a, b) : max(a, b)], min(a, b) if told else None)
        for index, (a, b, told) in enumerate(cuts)
    ]
    cut = pieces(text, rows)
    assert "".join(piece.text for piece in cut) == text
    assert all(piece.text for piece in cut)
    for row in rows:
        mine = [piece for piece in cut if row.point_id in piece.points]
        quote = row.quote or ""
        assert "".join(piece.text for piece in mine) == (quote if quote.strip() else "")
        if mine:
            assert row.point_id in mine[0].begins
            assert row.point_id in mine[-1].ends
            assert sum(row.point_id in piece.begins for piece in cut) == 1
            if row.start is not None:
                before = cut[: cut.index(mine[0])]
                assert sum(len(piece.text) for piece in before) == row.start


def test_quotes_may_overlap_and_each_begins_and_ends_once() -> None:
    cut = pieces("One two. Three.", [verdict("a", "One two."), verdict("b", "two. Three")])
    assert [(piece.text, piece.points, piece.begins, piece.ends) for piece in cut] == [
        ("One ", ("a",), ("a",), ()),
        ("two.", ("a", "b"), ("b",), ("a",)),
        (" Three", ("b",), (), ("b",)),
        (".", (), (), ()),
    ]


def test_a_quote_that_does_not_occur_marks_nothing() -> None:
    assert [piece.points for piece in pieces("One. Two.", [verdict("p", "Three.")])] == [()]
    assert locate("One. One.", "One.", 5).start == 5  # type: ignore[union-attr]
    assert locate("One. One.", "One.", 3).start == 0  # type: ignore[union-attr]
    assert locate("One. One.", "One.", -9).start == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("the keys\n  come from it", "keys come  from", "keys\n  come from"),
        ("a.b c+d", "a.b c+d", "a.b c+d"),
        ("without doubt", "out doubt", None),
        ("encoders win", "encoder", None),
        ("the keys", "The keys", None),
        ("the keys", "  ", None),
    ],
)
def test_words_are_found_whatever_space_parts_them(
    text: str, quote: str, found: str | None
) -> None:
    span = locate_words(text, quote)
    assert (span.text if span else None) == found
    if span:
        assert text[span.start : span.end] == span.text
