"""An answer is cut where it can be, and what asserts nothing is told from what does."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from model.clauses import (
    cut,
    drop_keywords,
    is_foreign,
    is_keywords,
    is_other_language,
    is_prompt,
    is_question,
)

LANGUAGES = Path(__file__).parent / "languages.yaml"


def texts(answer: str) -> list[str]:
    return [unit.text for unit in cut(answer) if unit.whole]


def test_abbreviations_and_numbers_end_no_sentence() -> None:
    answer = "The loss is 0.5, e.g. for BERT. It is approx. 3.2 nats; GPT has less!"
    assert texts(answer) == [
        "The loss is 0.5, e.g. for BERT.",
        "It is approx. 3.2 nats",
        "GPT has less!",
    ]


def test_a_list_is_read_item_by_item_without_its_marks() -> None:
    assert texts("Two ways:\n- learned vectors\n* sines\n2) none") == [
        "Two ways",
        "learned vectors",
        "sines",
        "none",
    ]


def test_a_unit_knows_what_came_before() -> None:
    units = cut("Divide by the root. It keeps the variance at one.")
    assert [unit.before for unit in units] == ["", "Divide by the root."]


def test_a_long_sentence_is_also_read_clause_by_clause() -> None:
    answer = (
        "The scores are divided by the square root of the key dimension so that the variance does "
        "not grow with it, whereas the mask only decides which keys a query may see at all."
    )
    units = cut(answer)
    assert units[0].text == answer
    parts = [unit.text for unit in units if not unit.whole]
    assert parts[-1].startswith("whereas the mask")
    assert units[-1].before.startswith("The scores are divided")


@given(st.text(alphabet=st.sampled_from("aB .,;:!?\n-•(1)\t'\"é漢=…"), max_size=200))
def test_units_are_pieces_of_the_answer_in_order(answer: str) -> None:
    units = cut(answer)
    for unit in units:
        assert 0 <= unit.start < unit.end <= len(answer)
        assert any(character.isalnum() for character in unit.text)
        assert unit.text == unit.text.strip()
    whole = [unit for unit in units if unit.whole]
    for one, other in pairwise(whole):
        assert one.end <= other.start
    kept = sum(character.isalnum() for unit in whole for character in unit.text)
    assert kept >= 0.5 * sum(character.isalpha() for character in answer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("softmax, sqrt d_k, variance, gradients", True),
        ("self attention query key value softmax scaled dot product", True),
        ("big logits -> near one-hot -> vanishing gradient.", False),
        ("QK^T = all pairwise similarities", False),
        ("KV cache O(nd) per layer vs RNN O(d).", False),
        ("Heads are concatenated, projected and added.", False),
        ("Bagging mainly reduces variance.", False),
    ],
)
def test_a_run_of_keywords_is_told_from_a_clipped_claim(text: str, expected: bool) -> None:
    [unit] = cut(text)
    assert is_keywords(unit) is expected


def test_an_answer_that_only_names_asserts_nothing_and_a_clipped_one_does() -> None:
    listed = (
        "Residual scale, training, gradient highway, identity path, layer output. Deep nets, loss."
    )
    terse = listed.replace("output. ", "output -> ")
    assert drop_keywords(cut(listed)) == []
    assert [unit.text for unit in drop_keywords(cut(terse))] == [u.text for u in cut(terse)]
    assert drop_keywords(cut("RMSNorm skips mean subtraction.")) != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Die Maske setzt verbotene Werte auf minus unendlich und ist nicht gelernt.", True),
        ("Le masque est appliqué avant le softmax.", True),
        ("注意力", True),
        ("The mask is applied before the softmax, à la Vaswani.", False),
        ("α = softmax(QKᵀ/√d), then αV", False),
        ("mask → -inf", False),
    ],
)
def test_other_languages_are_told_from_english_and_from_formulas(text: str, expected: bool) -> None:
    assert is_foreign(text) is expected


def test_sentences_of_thirty_languages_are_told_from_the_oddest_english() -> None:
    """By languages: none is missed as a whole, and whole sentences hardly ever."""
    spoken = yaml.safe_load(LANGUAGES.read_text(encoding="utf-8"))
    assert len(spoken["other"]) == 30
    told = {name: [is_other_language(s) for s in said] for name, said in spoken["other"].items()}
    assert {name for name, found in told.items() if sum(found[4:]) < 3} == set()  # the long ones
    assert sum(sum(found) for found in told.values()) >= 0.93 * 240
    taken = [text for text in spoken["english"] if is_other_language(text)]
    assert len(taken) <= 0.05 * len(spoken["english"]), taken


def test_an_answer_of_keywords_or_formulas_is_no_other_language() -> None:
    for text in (
        "softmax(QK^T/sqrt(d_k))V",
        "mask, softmax, values",
        "α = softmax(QKᵀ/√d), αV",
        "RMSNorm skips mean subtraction.",
    ):
        assert not is_other_language(text)


def test_the_prompt_in_other_punctuation_is_still_the_prompt() -> None:
    prompt = "Why do we divide the scores by the square root of d_k?"
    [pasted] = cut("why do we divide the scores, by the square root of d_k")
    [answered] = cut(
        "We divide the scores by the square root of d_k to keep their variance at one."
    )
    assert is_prompt(pasted, prompt)
    assert not is_prompt(answered, prompt)
    assert not is_prompt(pasted, "")


def test_a_question_asks() -> None:
    asked, said = cut("Is the mask causal? It is.")
    assert is_question(asked)
    assert not is_question(said)


def test_a_line_that_was_full_does_not_end_its_sentence() -> None:
    answer = (
        "Queries, keys and values are three different linear projections of the same\n"
        "token, and the matrices are learned. A list of notes:\nmask first\nThen softmax\n\nthe end"
    )
    assert texts(answer) == [
        "Queries, keys and values are three different linear projections of the same\n"
        "token, and the matrices are learned.",
        "A list of notes",
        "mask first",
        "Then softmax",
        "the end",
    ]
