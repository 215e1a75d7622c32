"""The translator takes what a person types, and shows how it came to what it says."""

import pytest
import torch

from model.checkpoint import Models
from model.config import Switches
from model.translator import Translator, join, restore_names, tidy


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Models().translator


@pytest.mark.parametrize(
    ("typed", "language", "expected"),
    [
        ("The red cars are not old.", "en", "the red cars are not old ."),
        ("  the cat   ISN'T happy", "en", "the cat is not happy ."),
        ("We can’t sleep!", "en", "we can not sleep ."),
        ("does he sleep", "en", "does he sleep ?"),
        (
            "Est-ce qu'il n’aime pas l'école aujourd'hui ?",
            "fr",
            "est-ce qu' il n' aime pas l' école aujourd'hui ?",
        ),
        ("¿Ve él a la reina?", "es", "¿ ve él a la reina ?"),
        ("dónde está el gato?", "es", "¿ dónde está el gato ?"),
        ("cafe\u0301", "fr", "café ."),
        (" ... ", "en", ""),
        ("\t\n", "en", ""),
    ],
)
def test_what_a_person_types_becomes_what_the_corpus_writes(
    typed: str, language: str, expected: str
) -> None:
    assert tidy(typed, language) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "language", "expected"),
    [
        ("i see that i sleep .", "en", "I see that I sleep."),
        ("est-ce qu' il aime l' école ?", "fr", "Est-ce qu'il aime l'école ?"),
        ("¿ ve él a la reina ?", "es", "¿Ve él a la reina?"),
        ("", "fr", ""),
    ],
)
def test_words_are_joined_as_one_writes_them(words: str, language: str, expected: str) -> None:
    assert join(words, language) == expected  # type: ignore[arg-type]


def test_names_keep_their_capital() -> None:
    assert restore_names("La fille voit zalmo.", "The girl sees Zalmo.") == "La fille voit Zalmo."


SENTENCES = [
    ("The red cars are not old.", "fr", "Les voitures rouges ne sont pas vieilles."),
    ("The red cars are not old.", "es", "Los coches rojos no son viejos."),
    ("does the girl eat the apple?", "fr", "Est-ce que la fille mange la pomme ?"),
    (
        "The small cats sleep under the table.",
        "es",
        "Los gatos pequeños duermen debajo de la mesa.",
    ),
]


@pytest.mark.parametrize(("sentence", "target", "expected"), SENTENCES)
def test_sentences_are_translated(
    translator: Translator, sentence: str, target: str, expected: str
) -> None:
    translation = translator.translate(sentence, target=target)  # type: ignore[arg-type]
    assert translation.text == expected
    assert translation.complete


def test_it_translates_into_english(translator: Translator) -> None:
    found = translator.translate("Les voitures rouges ne sont pas vieilles.", "en", "fr")
    assert found.text == "The red cars are not old."


def test_a_translation_shows_its_ids_and_tokens(translator: Translator) -> None:
    found = translator.translate("The red cars are not old.")
    assert found.source_ids.shape == (1, len(found.source_tokens))
    assert found.target_ids.shape == (1, len(found.target_tokens)) == (1, len(found.output_ids))
    assert found.source_tokens[0] == "<fr>"
    assert (found.target_tokens[0], found.output_tokens[-1]) == ("<bos>", "<eos>")
    assert found.target_tokens[1:] == found.output_tokens[:-1]
    logits = translator.network(found.source_ids, found.target_ids)
    assert torch.equal(logits[0].argmax(dim=-1), found.output_ids)


def test_cross_attention_looks_from_voitures_at_cars(translator: Translator) -> None:
    found = translator.translate("The red cars are not old.")
    trace: dict[str, torch.Tensor] = {}
    translator.network(found.source_ids, found.target_ids, trace=trace)
    query, key = found.output_tokens.index("voitures"), found.source_tokens.index("cars")
    weights = [
        trace[f"decoder.{layer}.cross_attention.pattern"][0, :, query, key].max()
        for layer in (0, 1)
    ]
    assert max(weights) > 0.5


def test_without_positions_the_order_of_words_no_longer_counts(translator: Translator) -> None:
    network, blind = translator.network, Switches(positions=False)
    one = translator.encode("The dog sees the cat.", "fr")
    other = translator.encode("The cat sees the dog.", "fr")
    start = torch.tensor([[translator.tokenizer.bos]])
    torch.testing.assert_close(
        network(one, start, switches=blind),
        network(other, start, switches=blind),
        atol=1e-4,
        rtol=1e-4,
    )
    assert not torch.allclose(network(one, start), network(other, start), atol=1e-2)


def test_words_that_training_never_showed_are_named(translator: Translator) -> None:
    assert translator.unseen_words("The frobnicator sees my cat.") == ["frobnicator"]
    assert translator.unseen_words("The red cars are not old.") == []
    assert translator.unseen_words("Les chats dorment.", "fr") == []
    assert translator.unseen_words("The cats sleep.", "fr") == ["the", "cats", "sleep"]


def test_any_text_is_translated_to_something(translator: Translator) -> None:
    found = translator.translate("日本 😀 \x00 qwrtz")
    assert len(found.output_ids) <= translator.network.config.limit


@pytest.mark.parametrize("sentence", ["", "   ", "?!", "\n"])
def test_an_empty_sentence_is_refused(translator: Translator, sentence: str) -> None:
    with pytest.raises(ValueError, match="0 tokens; write 1 to 63"):
        translator.translate(sentence)


def test_a_sentence_that_is_too_long_is_refused(translator: Translator) -> None:
    assert translator.limit == 63
    with pytest.raises(ValueError, match="101 tokens; write 1 to 63"):
        translator.translate("car " * 100)


def test_an_unknown_language_is_refused(translator: Translator) -> None:
    with pytest.raises(ValueError, match="no language de: there are en, fr, es"):
        translator.translate("The cat sleeps.", "de")  # type: ignore[arg-type]


def test_what_is_no_text_is_refused(translator: Translator) -> None:
    with pytest.raises(ValueError, match="a bytes, where a sentence is needed"):
        translator.translate(b"the cat")  # type: ignore[arg-type]


def test_half_a_character_is_refused(translator: Translator) -> None:
    with pytest.raises(ValueError, match="half a character"):
        translator.translate("the \ud800 cat")
