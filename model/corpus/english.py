"""English: little agreement, much order; do, does and did carry the tense of what is not so and of
questions."""

from dataclasses import replace

from model.corpus.sentence import Clause, Phrase
from model.corpus.words import Word, rename, word

BE = {
    "present": ("am", "is", "are", "are"),
    "past": ("was", "was", "were", "were"),
}
DO = {"present": ("do", "does", "do", "do"), "past": ("did",) * 4, "future": ("will",) * 4}
QUESTION_WORDS = ("who", "what", "why", "when", "where")


def speak(clause: Clause) -> list[Word]:
    """The sentence in English, with its stop."""
    stop = word("?" if clause.asks else ".", "stop")
    return [*say(clause), stop]


def say(clause: Clause) -> list[Word]:
    """The clause, and the one joined to it."""
    words = [word(clause.asks, "asked")] if clause.asks in QUESTION_WORDS else []
    helper, rest = verb_words(clause)
    subject = [] if clause.asks == "who" else rename(phrase(clause.subject), "subject.")
    if clause.asks not in ("", "who"):
        first = replace(helper[0], possible=helper[0].possible | {"asked"})
        words += [first, *subject, *helper[1:], *rest]
    else:
        words += subject + helper + rest
    if clause.predicate is not None:
        words += [word(clause.degree, "degree")] if clause.degree else []
        words.append(word(clause.predicate.english, "predicate"))
    if clause.obj is not None:
        words += rename(phrase(clause.obj, negated=clause.negated), "object.")
    if clause.place is not None:
        words += [word(part, "preposition") for part in clause.preposition.split()]
        words += rename(phrase(clause.place), "place.")
    if clause.adverb:
        words.append(word(clause.adverb, "adverb"))
    if clause.joined is not None:
        words += [word(clause.link, "link"), *rename(say(clause.joined), "joined.")]
    return words


def verb_words(clause: Clause) -> tuple[list[Word], list[Word]]:
    """The helping verb with any "not" (empty where there is none), and the rest of the verb."""
    person = clause.subject.person
    negation = [word("not", "negation")] if clause.negated else []
    if clause.verb is None:
        if clause.tense == "future":
            return [word("will", possible=("tense",)), *negation], [word("be", "verb")]
        return [word(BE[clause.tense][person], "verb", "tense"), *negation], []
    base, third, past = clause.verb.english
    if clause.modal in ("can", "must"):
        return [word(clause.modal, "modal"), *negation], [word(base, "verb")]
    helps = clause.negated or clause.asks not in ("", "who") or clause.tense == "future"
    helper = [word(DO[clause.tense][person], possible=("tense",)), *negation] if helps else []
    if clause.modal == "want":
        want = "want" if helps or person != 1 else "wants"
        rest = [word(want, "modal"), word("to", possible=("modal", "verb"))]
        return helper, [*rest, word(base, "verb")]
    if helps:
        return helper, [word(base, "verb")]
    form = past if clause.tense == "past" else third if person == 1 else base
    return [], [word(form, "verb", possible=("tense",))]


def phrase(phrase: Phrase, *, negated: bool = False) -> list[Word]:
    """Determiner, adjectives, noun."""
    if phrase.noun is None:
        return [word((phrase.pronoun or phrase.name).lower(), "noun")]
    words = [word(a.english, f"adjective.{i}") for i, a in enumerate(phrase.adjectives)]
    words.append(word(phrase.noun.english[phrase.plural], "noun"))
    determiner = phrase.determiner
    if determiner == "a":
        vowel = words[0].text[0] in "aeiou" and words[0].text != "useful"
        determiner = "an" if vowel or words[0].text == "honest" else "a"
    if determiner == "some" and negated:
        determiner = "any"
    return [word(determiner, "determiner"), *words]
