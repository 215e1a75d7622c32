"""The corpus: English, French and Spanish sentences from a grammar of our own, with alignments.

Every sentence is drawn as a meaning and said three times, so that the word alignment is known, not
guessed. Each language says each meaning in one way, so that a translation is right or wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from model.corpus import english, french, spanish
from model.corpus.lexicon import adjectives, nouns, verbs
from model.corpus.sentence import Clause, Speaker
from model.corpus.words import Links, Word, align

Language = Literal["en", "fr", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "fr", "es")
SPEAK = {"en": english.speak, "fr": french.speak, "es": spanish.speak}


@dataclass(frozen=True)
class Sentence:
    """A meaning, and its words in every language."""

    meaning: Clause
    words: dict[Language, list[Word]]

    def text(self, language: Language) -> str:
        """The words apart by spaces, in lower case: `l' ami est vieux .`"""
        return " ".join(word.text for word in self.words[language])

    def alignment(self, source: Language, target: Language) -> tuple[Links, Links]:
        """Sure and possible links (source word, target word)."""
        return align(self.words[source], self.words[target])


def sentences(seed: int, *, held_out: bool = False, names: float = 0.0) -> Iterator[Sentence]:
    """Sentences without end, the same for the same seed. With `held_out`, each has at least one
    pair of noun and adjective and every pair is one that training never sees; without, none is.
    `names` is the share of persons that are a made-up name."""
    speaker = Speaker(Random(seed), held_out=held_out, names=names)
    while True:
        meaning = speaker.sentence()
        if not held_out or list(pairs(meaning)):
            yield Sentence(meaning, {language: SPEAK[language](meaning) for language in LANGUAGES})


def pairs(meaning: Clause) -> Iterator[tuple[str, str]]:
    """Every noun with every adjective that describes it, in English."""
    for phrase in (meaning.subject, meaning.obj, meaning.place):
        if phrase is not None and phrase.noun is not None:
            for adjective in phrase.adjectives:
                yield phrase.noun.english[0], adjective.english
    if meaning.predicate is not None and meaning.subject.noun is not None:
        yield meaning.subject.noun.english[0], meaning.predicate.english
    if meaning.joined is not None:
        yield from pairs(meaning.joined)


def count_content_words() -> int:
    """How many nouns, adjectives and verbs the grammar knows."""
    return len(nouns()) + len(adjectives()) + len(verbs())
