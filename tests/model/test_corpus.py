"""The grammar says each meaning in one way, keeps its word about what is held out, and knows which
words belong together."""

from collections import defaultdict
from itertools import islice

import pytest

from model.corpus import LANGUAGES, Language, Sentence, count_content_words, pairs, sentences
from model.corpus.lexicon import adjectives, nouns, verbs
from model.corpus.sentence import Clause, Phrase
from model.tasks.translation import held_out

NOUNS = {noun.english[0]: noun for noun in nouns()}
ADJECTIVES = {adjective.english: adjective for adjective in adjectives()}
VERBS = {verb.english[0]: verb for verb in verbs()}
DRAWN = list(islice(sentences(5), 4000))


def noun(word: str, determiner: str, *described: str, plural: bool = False) -> Phrase:
    """A phrase about `word`."""
    return Phrase(NOUNS[word], determiner, tuple(ADJECTIVES[a] for a in described), plural)


def said(meaning: Clause) -> list[str]:
    """The meaning in the three languages."""
    from model.corpus import SPEAK

    return [" ".join(word.text for word in SPEAK[language](meaning)) for language in LANGUAGES]


CARS = noun("car", "the", "red", plural=True)
EXAMPLES = [
    (
        Clause(subject=CARS, predicate=ADJECTIVES["old"], negated=True),
        [
            "the red cars are not old .",
            "les voitures rouges ne sont pas vieilles .",
            "los coches rojos no son viejos .",
        ],
    ),
    (
        Clause(
            subject=noun("friend", "the"),
            verb=VERBS["eat"],
            obj=noun("apple", "a", "good"),
            tense="past",
        ),
        [
            "the friend ate a good apple .",
            "l' ami a mangé une bonne pomme .",
            "el amigo comió una buena manzana .",
        ],
    ),
    (
        Clause(subject=noun("girl", "the", plural=True), verb=VERBS["arrive"], tense="past"),
        ["the girls arrived .", "les filles sont arrivées .", "las chicas llegaron ."],
    ),
    (
        Clause(
            subject=Phrase(pronoun="he"), verb=VERBS["see"], obj=noun("queen", "the"), asks="yes"
        ),
        ["does he see the queen ?", "est-ce qu' il voit la reine ?", "¿ ve él a la reina ?"],
    ),
    (
        Clause(
            subject=noun("cat", "a", "old"),
            preposition="near",
            place=noun("castle", "the"),
            tense="future",
        ),
        [
            "an old cat will be near the castle .",
            "un vieux chat sera près du château .",
            "un gato viejo estará cerca del castillo .",
        ],
    ),
    (
        Clause(
            subject=noun("tree", "this", "beautiful"), predicate=ADJECTIVES["closed"], tense="past"
        ),
        [
            "this beautiful tree was closed .",
            "ce bel arbre était fermé .",
            "este árbol hermoso estaba cerrado .",
        ],
    ),
    (
        Clause(
            subject=noun("friend", "a", "old"),
            verb=VERBS["sell"],
            tense="future",
            obj=noun("house", "some", "old", plural=True),
        ),
        [
            "an old friend will sell some old houses .",
            "un vieil ami vendra de vieilles maisons .",
            "un amigo viejo venderá unas casas viejas .",
        ],
    ),
    (
        Clause(
            subject=Phrase(pronoun="I"),
            verb=VERBS["love"],
            negated=True,
            obj=noun("bird", "some", "small", plural=True),
        ),
        [
            "i do not love any small birds .",
            "je n' aime pas de petits oiseaux .",
            "yo no amo pájaros pequeños .",
        ],
    ),
]


@pytest.mark.parametrize(("meaning", "expected"), EXAMPLES)
def test_agreement_elision_order_negation_questions_and_tenses(
    meaning: Clause, expected: list[str]
) -> None:
    assert said(meaning) == expected


def test_there_are_at_least_400_content_words() -> None:
    assert count_content_words() >= 400
    assert len({word for pair in zip(nouns(), strict=True) for word in pair}) == len(nouns())


@pytest.mark.parametrize("language", ["english", "french", "spanish"])
def test_no_word_of_a_kind_has_two_meanings(language: str) -> None:
    for words in (nouns(), adjectives()):
        forms = defaultdict(set)
        for number, word in enumerate(words):
            said = getattr(word, language)
            for form in [said] if isinstance(said, str) else said:
                forms[form].add(number)
        assert not {form for form, numbers in forms.items() if len(numbers) > 1}


def test_the_same_seed_gives_the_same_sentences() -> None:
    again = list(islice(sentences(5), 50))
    assert [s.text("fr") for s in again] == [s.text("fr") for s in DRAWN[:50]]
    assert [s.text("fr") for s in islice(sentences(6), 50)] != [s.text("fr") for s in again]


def test_no_held_out_sentence_and_no_held_out_pair_is_in_training() -> None:
    training = list(islice(sentences(1, names=0.06), 6000))
    texts = {s.text("en") for s in training}
    seen = {pair for s in training for pair in pairs(s.meaning)}
    for sentence in held_out(500):
        assert sentence.text("en") not in texts
        assert set(pairs(sentence.meaning))
        assert not set(pairs(sentence.meaning)) & seen


@pytest.mark.parametrize("source", ["en", "fr", "es"])
@pytest.mark.parametrize("target", ["en", "fr", "es"])
def test_a_sentence_has_one_translation(source: Language, target: Language) -> None:
    found = defaultdict(set)
    for sentence in DRAWN:
        found[sentence.text(source)].add(sentence.text(target))
    assert all(len(translations) == 1 for translations in found.values())


def test_the_alignment_joins_what_means_the_same() -> None:
    drawn = Sentence(EXAMPLES[0][0], {})
    from model.corpus import SPEAK

    words = {language: SPEAK[language](drawn.meaning) for language in LANGUAGES}
    sure, possible = Sentence(drawn.meaning, words).alignment("en", "fr")
    english = [w.text for w in words["en"]]
    french = [w.text for w in words["fr"]]
    links = {(english[i], french[j]) for i, j in sure}
    assert {("red", "rouges"), ("cars", "voitures"), ("are", "sont"), ("not", "pas")} <= links
    assert ("not", "ne") not in links
    assert ("not", "ne") in {(english[i], french[j]) for i, j in possible}
    assert sure <= possible


def test_nearly_every_word_is_aligned() -> None:
    for language in ("fr", "es"):
        linked = total = 0
        for sentence in DRAWN[:500]:
            _, possible = sentence.alignment("en", language)  # type: ignore[arg-type]
            linked += len({j for _, j in possible})
            total += len(sentence.words[language])  # type: ignore[index]
        assert linked / total > 0.98
