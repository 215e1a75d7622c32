"""Altered sentences say what they are said to say."""

from random import Random

import pytest

from model.corpus import alter
from model.corpus.statements import read_folds, read_topics
from model.wording import plain, stem


def test_roles_change_places_everywhere_and_keep_their_capitals() -> None:
    text = "Queries of the decoder look at keys of the encoder."
    found = {alter.swap_roles(text, Random(seed)) for seed in range(20)}
    assert "Queries of the encoder look at keys of the decoder." in found
    assert "Keys of the decoder look at queries of the encoder." in found


def test_what_is_only_named_side_by_side_is_not_swapped() -> None:
    assert alter.swap_roles("Queries and keys are vectors.", Random(1)) is None


def test_roles_traded_in_all_texts_leave_what_one_says_of_another() -> None:
    texts = ("The encoder feeds the decoder.", "Decoders read what encoders give.", "")
    traded = alter.trade_roles(texts, Random(1))
    assert traded == ("The decoder feeds the encoder.", "Encoder read what decoder give.", "")
    assert alter.trade_roles(("The encoder reads.", "It reads twice."), Random(1)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The loss increases.", "The loss decreases."),
        ("More heads help.", "Less heads help."),
        ("A sentence.", None),
    ],
)
def test_one_word_becomes_its_counterpart(text: str, expected: str | None) -> None:
    found = {alter.flip(text, Random(seed)) for seed in range(10)}
    assert expected in found


def test_a_not_is_put_in_or_taken_away() -> None:
    assert alter.negate("The mask is causal.", Random(1)) == "The mask is not causal."
    assert alter.negate("The mask is not causal.", Random(1)) == "The mask is causal."
    assert alter.negate("Masks.", Random(1)) is None


def test_words_that_are_only_mentioned_are_the_texts_own() -> None:
    text = "Dividing keeps the variance of scores near one"
    for seed in range(20):
        found = alter.mention(text, Random(seed))
        words = ("Dividing", "keeps", "variance", "scores", "near", "one")
        assert found is None or any(word in found for word in words)


def test_two_sentences_become_the_halves_of_one() -> None:
    one, other = r"Scores are $QK^\top/\sqrt{d}$.", "They {may} grow."
    found = {alter.connect(one, other, Random(seed)) for seed in range(40)}
    assert {f"{one} {other}", f"{one[:-1]}, but they {{may}} grow."} <= found
    assert all(text.endswith("grow.") and text.casefold().count("they") == 1 for text in found)


def test_what_is_shortened_lacks_words_but_none_that_would_turn_it_round() -> None:
    text = "Scaled scores keep large variance away, so the root of the encoder width divides them."
    found = {alter.shorten(text, Random(seed)) for seed in range(60)}
    assert "Scaled scores keep large variance away." in found
    for less in filter(None, found):
        left = iter(text.rstrip(".").replace(",", "").split())
        assert all(word in left for word in less.rstrip(".").replace(",", "").split())
        assert len(less) < len(text)
        assert "large" in less  # it has a counterpart
        assert "so" not in less.split() or "root" in less  # an operator
    assert alter.shorten("The encoder never sees the target of the decoder.", Random(1)) is None


def test_what_is_said_again_keeps_its_words_and_their_order() -> None:
    text = "Every query is compared with the keys because it needs a weight for each value."
    for seed in range(20):
        found = alter.restate(text, Random(seed))
        places = [found.find(word) for word in ("query", "compared", "keys", "weight", "value")]
        assert -1 not in places
        assert places == sorted(places)
        assert not {"not", "no", "never"} & set(found.split())


def test_slips_leave_most_letters_where_they_were() -> None:
    text = "The softmax runs over the keys of every query, and never over the queries."
    found = alter.mistype(text, Random(5))
    assert found.lower() != text.lower().rstrip(".")
    assert abs(len(found) - len(text)) < 6


def test_forms_of_a_word_meet_and_different_words_do_not() -> None:
    assert len({stem(word) for word in ("increase", "increases", "increased", "increasing")}) == 1
    assert stem("encoder") != stem("encoding")
    assert stem("bias") != stem("basis")


def test_formulas_become_letters() -> None:
    assert plain("$\\mathrm{Var}(q^\\top k) = d_k$ → 1, n²") == "Var(q^T k) = d_k -> 1, n^2"


def test_every_question_has_sentences_for_and_against_each_point() -> None:
    topics = {topic.name: topic for topic in read_topics()}
    folds = read_folds()
    assert sum(map(len, folds)) == len(frozenset().union(*folds))
    for name in frozenset().union(*folds):
        said = [statement for passage in topics[name].passages for statement in passage]
        for subject in topics[name].subjects:
            assert sum(subject.id in statement.makes for statement in said) >= 2
            assert any(subject.id in statement.denies for statement in said)
