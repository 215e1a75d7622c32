"""Any text goes in and comes back the same."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokenizer import BOS, EOS, PAD, Tokenizer

TEXTS = ["the red cars are not old .", "the old car is red .", "les voitures rouges"] * 5
TOKENIZER = Tokenizer.train(TEXTS, size=320, tags=("<fr>",))


@given(st.text())
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(st.text(alphabet="the red cars\n\t <fr>é日"))
def test_typed_text_never_becomes_a_special_token(text: str) -> None:
    assert all(len(TOKENIZER.special) <= i < len(TOKENIZER) for i in TOKENIZER.encode(text))


@given(st.text(alphabet="the red cars"))
def test_cut_into_more_pieces_the_text_still_comes_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode_cut(text, Random(0))) == text


def test_cuts_are_random_but_the_same_for_the_same_seed() -> None:
    text = "the red cars are not old"
    cuts = [TOKENIZER.encode_cut(text, Random(seed)) for seed in range(20)]
    assert cuts == [TOKENIZER.encode_cut(text, Random(seed)) for seed in range(20)]
    assert len({tuple(cut) for cut in cuts}) > 5
    assert max(len(cut) for cut in cuts) > len(TOKENIZER.encode(text)) == 6


def test_saved_and_loaded_it_encodes_alike() -> None:
    again = Tokenizer.load(TOKENIZER.dump(), TOKENIZER.special)
    text = "the red cars are naïve 😀"
    assert again.encode(text) == TOKENIZER.encode(text)
    assert len(again) == len(TOKENIZER) <= 320


def test_special_tokens_come_first_and_leave_no_text() -> None:
    assert TOKENIZER.special == (PAD, BOS, EOS, "<fr>")
    assert (TOKENIZER.pad, TOKENIZER.bos, TOKENIZER.eos, TOKENIZER.identity("<fr>")) == (0, 1, 2, 3)
    ids = [TOKENIZER.bos, *TOKENIZER.encode("the car"), TOKENIZER.eos]
    assert TOKENIZER.decode(ids) == "the car"


def test_pieces_can_be_read() -> None:
    assert TOKENIZER.pieces([3, *TOKENIZER.encode("the cars x")])[:3] == ["<fr>", "the", "cars"]
    assert TOKENIZER.pieces(TOKENIZER.encode("日"))[-3:] == ["·<e6>", "·<97>", "·<a5>"]


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="half a character at 1"):
        TOKENIZER.encode("a\ud800")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="a bytes, where a text is needed"):
        TOKENIZER.encode(b"the cars")  # type: ignore[arg-type]


def test_an_unknown_tag_is_refused() -> None:
    with pytest.raises(ValueError, match=r"<de>.*<fr>"):
        TOKENIZER.identity("<de>")
