"""What a sentence says, before any language says it: phrases and clauses, drawn at random.

Some pairs of noun and adjective are held out: they never meet in training, so that a test on them
asks for grammar, not memory.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Literal
from zlib import crc32

from model.corpus.lexicon import Adjective, Noun, Person, Verb, adjectives, nouns, verbs

Tense = Literal["present", "past", "future"]
Asks = Literal["", "yes", "who", "what", "why", "when", "where"]
PRONOUNS: list[tuple[str, Person]] = [("I", 0), ("he", 1), ("she", 1), ("we", 2), ("they", 3)]
SINGULAR = ["the", "the", "the", "a", "a", "this", "my", "our", "every"]
PLURAL = ["the", "the", "some", "these", "my", "our", "two", "three", "four", "five", "many"]
PREPOSITIONS = {  # and the kinds of noun that go with them
    "in": ("place",),
    "on": ("thing",),
    "under": ("thing",),
    "behind": ("thing", "place", "person"),
    "near": ("thing", "place", "person"),
    "in front of": ("thing", "place"),
    "with": ("person", "animal"),
    "without": ("person", "animal"),
    "towards": ("place", "person"),
}
ADVERBS: dict[str, tuple[Tense, ...]] = {
    "today": ("present", "past", "future"),
    "yesterday": ("past",),
    "tomorrow": ("future",),
    "now": ("present",),
    "here": ("present", "past", "future"),
    "together": ("present", "past", "future"),
}
MODALS = ["can", "must", "want"]
ANIMATE = ("person", "animal")


@dataclass(frozen=True)
class Phrase:
    """Who or what: a noun with its company, or a pronoun, or a name."""

    noun: Noun | None = None
    determiner: str = ""
    adjectives: tuple[Adjective, ...] = ()
    plural: bool = False
    pronoun: str = ""
    name: str = ""

    @property
    def person(self) -> Person:
        """Which form of the verb it takes."""
        return dict(PRONOUNS).get(self.pronoun, 3 if self.plural else 1)


@dataclass(frozen=True, kw_only=True)
class Clause:
    """Who does what. Without a verb: who is what, or where. `joined` is a clause after `link`."""

    subject: Phrase
    verb: Verb | None = None
    tense: Tense = "present"
    modal: str = ""
    negated: bool = False
    asks: Asks = ""
    obj: Phrase | None = None
    predicate: Adjective | None = None
    degree: str = ""
    preposition: str = ""
    place: Phrase | None = None
    adverb: str = ""
    link: str = ""
    joined: "Clause | None" = None


def is_held_out(noun: Noun, adjective: Adjective) -> bool:
    """Whether training never joins these two: one pair in eight, the same on every machine."""
    return crc32(f"{noun.english[0]} {adjective.english}".encode()) % 8 == 0


def fits(adjective: Adjective, noun: Noun) -> bool:
    """Whether one can say this of such a thing."""
    animate = noun.kind in ANIMATE
    return (
        adjective.kind in ("any", noun.kind)
        or (adjective.kind == "animate" and animate)
        or (adjective.kind == "object" and noun.kind in ("thing", "text", "place"))
        or (adjective.kind == "food" and noun.kind == "drink")
    )


class Speaker:
    """Draws sentences; `held_out` chooses which pairs of noun and adjective may meet in them."""

    def __init__(self, random: Random, *, held_out: bool, names: float) -> None:
        self.random, self.held_out, self.names = random, held_out, names
        self.by_kind: dict[str, list[Noun]] = {}
        for noun in nouns():
            self.by_kind.setdefault(noun.kind, []).append(noun)
        self.takes: dict[str, list[Verb]] = {}
        for verb in verbs():
            self.takes.setdefault(verb.takes, []).append(verb)
        self.allowed = {
            noun: [a for a in adjectives() if fits(a, noun) and is_held_out(noun, a) == held_out]
            for noun in nouns()
        }

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.random.random() < probability

    def sentence(self) -> Clause:
        """A whole sentence, of one clause or two."""
        if self.chance(0.75):
            return self.clause(questions=True)
        if self.chance(0.4):
            verb = self.random.choice(self.takes["clause"])
            subject = self.subject(("person",))
            # the past of "we" needs its adverb, which would be taken for the inner clause's
            tense = "present" if subject.person == 2 else self.tense(subject, verb)
            inner = self.clause(questions=False)
            return Clause(subject=subject, verb=verb, tense=tense, link="that", joined=inner)
        first = self.clause(questions=False)
        link = self.random.choice(["because", "and", "but"])
        return replace(first, link=link, joined=self.clause(questions=False))

    def clause(self, *, questions: bool) -> Clause:
        """One clause: who does what (two in three), or who is what or where."""
        asks: Asks = ""
        if questions and self.chance(0.3):
            asks = self.random.choice(["yes", "yes", "yes", "who", "what", "why", "when", "where"])
        if asks == "where" or (asks not in ("what", "when") and self.chance(0.35)):
            return self.being(asks)
        return self.doing(asks)

    def being(self, asks: Asks) -> Clause:
        """Who is what, or where."""
        subject = Phrase() if asks == "who" else self.subject(tuple(self.by_kind))
        tense: Tense = self.random.choice(["present", "present", "past", "future"])
        negated = asks != "where" and self.chance(0.25)
        basis = Clause(subject=subject, tense=tense, negated=negated, asks=asks)
        if asks == "where":
            return basis
        used = subject.adjectives
        fitting = [a for a in self.fitting(subject) if a not in used]
        if fitting and self.chance(0.75):
            degree = self.random.choice(["very", "too"]) if self.chance(0.2) else ""
            return replace(basis, predicate=self.random.choice(fitting), degree=degree)
        preposition, place = self.place(moving=False)
        return replace(basis, preposition=preposition, place=place)

    def fitting(self, subject: Phrase) -> list[Adjective]:
        """What can be said of the subject."""
        if subject.noun is not None:
            return self.allowed[subject.noun]
        return [a for a in adjectives() if a.kind in ("any", "animate", "person")]

    def doing(self, asks: Asks) -> Clause:
        """Who does what, to what, where, when."""
        kinds = ["object", "object", "object", "food", "drink", "text", "animate", "none", "none"]
        takes = self.random.choice([k for k in kinds if k != "none"] if asks == "what" else kinds)
        verb = self.random.choice(self.takes[takes])
        subject = Phrase() if asks == "who" else self.subject(ANIMATE)
        negated = self.chance(0.25)
        tense = self.tense(subject, verb, plain=not negated and asks in ("", "who"))
        modal = self.random.choice(MODALS) if tense == "present" and self.chance(0.18) else ""
        targets = {"animate": ANIMATE, "object": ("thing", "thing", "text")}.get(takes, (takes,))
        obj = None if takes == "none" or asks == "what" else self.phrase(targets, pronouns=False)
        preposition, place = "", None
        if self.chance(0.5 if takes == "none" else 0.2):
            preposition, place = self.place()
        adverb = ""
        if tense == "past" and subject.person == 2:  # hablamos: only the adverb tells the tense
            adverb = "yesterday"
        elif asks != "when" and self.chance(0.2):
            adverb = self.random.choice([a for a, tenses in ADVERBS.items() if tense in tenses])
        return Clause(
            subject=subject,
            verb=verb,
            tense=tense,
            modal=modal,
            negated=negated,
            asks=asks,
            obj=obj,
            preposition=preposition,
            place=place,
            adverb=adverb,
        )

    def tense(self, subject: Phrase, verb: Verb, *, plain: bool = True) -> Tense:
        """Any tense, but none that English does not show: they read, they cut."""
        tense: Tense = self.random.choice(["present", "present", "past", "future"])
        same = verb.english[0] == verb.english[2] and plain and subject.person != 1
        return "present" if tense == "past" and same else tense

    def subject(self, kinds: tuple[str, ...]) -> Phrase:
        """Who or what the sentence is about."""
        return self.phrase(kinds, pronouns=True)

    def place(self, *, moving: bool = True) -> tuple[str, Phrase]:
        """A preposition and what it goes with."""
        preposition = self.random.choice([p for p in PREPOSITIONS if moving or p != "towards"])
        return preposition, self.phrase(PREPOSITIONS[preposition], pronouns=False)

    def phrase(self, kinds: tuple[str, ...], *, pronouns: bool) -> Phrase:
        """A noun with its company; sometimes a name, or where it may be, a pronoun."""
        kind = self.random.choice(kinds)
        if kind == "person" and self.chance(self.names):
            return Phrase(name=self.name())
        if pronouns and kind == "person" and self.chance(0.5):
            return Phrase(pronoun=self.random.choice(["I", "I", "we", "we", "he", "she", "they"]))
        noun = self.random.choice(self.by_kind[kind])
        plural = self.chance(0.4)
        determiner = self.random.choice(PLURAL if plural else SINGULAR)
        return Phrase(noun, determiner, self.adjectives_of(noun), plural)

    def adjectives_of(self, noun: Noun) -> tuple[Adjective, ...]:
        """None, one, or two of which French puts the first before the noun, the second after."""
        allowed = self.allowed[noun]
        before = [a for a in allowed if a.first_french]
        after = [a for a in allowed if not a.first_french]
        draw = self.random.random()
        if draw < 0.12 and before and after:
            return self.random.choice(before), self.random.choice(after)
        return (self.random.choice(allowed),) if draw < 0.5 and allowed else ()

    def name(self) -> str:
        """A made-up name, such as zalmo: what has no translation is copied."""
        name: str = self.random.choice([*"bcdfgjklmnprstvz", "", "", ""])
        name += self.random.choice("aeiou")
        for _ in range(self.random.randint(1, 3)):
            name += self.random.choice(["l", "m", "n", "r", "s", "t", "d", "rl", "nd", "lm", "st"])
            name += self.random.choice("aeiou")
        return name + self.random.choice(["", "", "n", "s", "r", "l", "k"])
