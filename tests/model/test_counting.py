"""What counting words tells of a claim and a passage."""

import pytest

from model.corpus.statements import read_topics
from model.counting import exchanges, repeats, rule_out
from model.pairs import DENIED, MADE, NEITHER

GIVES = "The decoder gives the queries and the encoder the keys."


@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        (GIVES, True),
        ("So the decoder gives the queries, and the encoder gives keys.", True),
        ("The encoder gives the queries and the decoder the keys.", False),
        ("The decoder does not give the queries and the encoder the keys.", False),
        ("It is a myth that the decoder gives the queries and the encoder the keys.", False),
        ("The decoder gives the queries.", False),
    ],
)
def test_a_repetition_keeps_the_order_and_denies_nothing(passage: str, expected: bool) -> None:
    assert repeats(GIVES, passage) is expected
    assert (rule_out(GIVES, passage) == (DENIED, NEITHER)) is expected


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("A wider beam gives more search errors.", "A wider beam gives less search errors."),
        ("The target at t is the token at t + 1.", "The target at t is the token at t - 1."),
        ("Each token passes one expert.", "Each token passes one expert after another."),
        ("It divides by the root mean square.", "It divides by the root square."),
        ("The softmax runs over the keys.", "They once thought the softmax runs over the keys."),
        ("The loss falls when p <= 0.5 holds.", "The loss falls when p >= 0.5 holds."),
    ],
)
def test_a_word_or_a_sign_of_another_meaning_is_no_repetition(claim: str, passage: str) -> None:
    assert not repeats(claim, passage)


def test_a_short_claim_is_repeated_by_hardly_a_word_more() -> None:
    claim = "The softmax runs over the queries."
    assert repeats(claim, "I think the softmax runs over the queries.")
    assert not repeats(claim, "Softmax, as papers say, runs over the queries.")
    assert not repeats("The mask.", "The mask.")


@pytest.mark.parametrize(
    ("claim", "passage", "expected"),
    [
        (GIVES, "The encoder gives the queries and the decoder the keys.", True),
        (GIVES, "It's the encoder that gives the queries, and the decoder the keys.", True),
        (GIVES, "The encoder does not give the queries and the decoder the keys.", False),
        (GIVES, "The encoder gives the keys and the decoder the queries.", False),  # twice over
        ("BERT is bidirectional while GPT is causal.", "GPT is bidirectional, BERT causal.", True),
        ("BERT is bidirectional while GPT is causal.", "GPT is causal, BERT bidirectional.", False),
        (GIVES, "It can't be that the encoder gives the queries and the decoder the keys.", False),
        (GIVES, "It is false that the encoder gives the queries and the decoder the keys.", False),
        ("Adam needs more memory than SGD.", "SGD needs less memory than Adam.", False),
        ("It has encoder layers and decoder layers.", "Decoder layers and encoder layers.", False),
        ("It mixes queries, keys and values.", "It mixes values, keys and queries.", False),
        ("The left half equals the right half.", "The right half equals the left half.", False),
        ("Keys and values come from the encoder.", "Values and keys come from the encoder.", False),
        (
            "The trained weights are updated by the optimiser.",
            "The optimiser updates the trained weights.",
            False,
        ),
    ],
)
def test_an_exchange_is_the_claim_with_two_words_in_each_others_places(
    claim: str, passage: str, expected: bool
) -> None:
    assert exchanges(claim, passage) is expected
    assert (rule_out(claim, passage) == (MADE,)) is expected


def test_a_claim_longer_than_what_is_read_is_not_compared_in_pairs_of_words() -> None:
    words = [f"w{place}x" for place in range(3000)]
    swapped = words.copy()
    swapped[3], swapped[30] = swapped[30], swapped[3]
    assert exchanges(" ".join(words[:38]), " ".join(swapped[:38]))
    assert rule_out(" ".join(words), " ".join(swapped)) == ()
    assert repeats(" ".join(words), " ".join(words))


def test_what_is_taken_back_before_it_is_said_is_not_counted() -> None:
    swapped = "The encoder gives the queries and the decoder the keys."
    for before in ("A common mistake:", "It is a misconception that one meets in tutorials that"):
        assert rule_out(GIVES, GIVES, before) == rule_out(GIVES, swapped, before) == ()
    assert rule_out(GIVES, GIVES, "In cross-attention both take part.") == (DENIED, NEITHER)
    assert rule_out(GIVES, swapped, "In cross-attention both take part.") == (MADE,)


def test_counting_agrees_with_those_who_labelled_the_sentences() -> None:
    right = wrong = 0
    for topic in read_topics():
        for claim in topic.subjects:
            for label, passages in enumerate((claim.says, claim.denies, claim.neither)):
                found = [rule_out(claim.text, passage) for passage in passages]
                right += sum(bool(labels) and label not in labels for labels in found)
                wrong += sum(label in labels for labels in found)
    assert right > 200
    assert wrong < right / 50
