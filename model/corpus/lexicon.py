"""The words of the grammar, and how each language bends them: the tables beside this file, and the
regular rules; what is irregular stands in the tables.

Forms of a verb go by person, in this order: I, he or she, we, they.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Person = Literal[0, 1, 2, 3]
Forms = tuple[str, str, str, str]  # of an adjective: m., f., m. plural, f. plural; of a verb: above
VOWELS = "aeiouyàâäéèêëîïôöùûüœæh"  # h as well: no word of ours begins with an aspirate one


@dataclass(frozen=True)
class Noun:
    """A noun; every form is (singular, plural)."""

    kind: str
    english: tuple[str, str]
    french: tuple[str, str]
    spanish: tuple[str, str]
    feminine_french: bool
    feminine_spanish: bool


@dataclass(frozen=True)
class Adjective:
    """An adjective, the side of the noun on which it stands, and whether Spanish says estar."""

    kind: str
    english: str
    french: Forms
    spanish: Forms
    first_french: bool
    first_spanish: bool
    state: bool


@dataclass(frozen=True)
class Verb:
    """A verb; `takes` is the kind of its object, "clause" or "none"."""

    takes: str
    english: tuple[str, str, str]  # eat, eats, ate
    french: "Conjugation"
    spanish: "Conjugation"
    with_etre: bool  # the past with être: the participle agrees with the subject


@dataclass(frozen=True)
class Conjugation:
    """A verb's forms by person. The French past is its auxiliary and `participle`."""

    infinitive: str
    present: Forms
    future: Forms
    past: Forms = ("", "", "", "")
    participle: str = ""


def rows(name: str) -> Iterator[list[str]]:
    """The lines of a table beside this file, split at tabs; a # begins a heading."""
    for line in (Path(__file__).parent / f"{name}.tsv").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


@cache
def nouns() -> tuple[Noun, ...]:
    """All nouns, in the order of their table."""
    found = []
    for kind, english, french, spanish in rows("nouns"):
        pairs = english_plural(english), french_plural(french[2:]), spanish_plural(spanish[2:])
        found.append(Noun(kind, *pairs, french.startswith("f"), spanish.startswith("f")))
    return tuple(found)


@cache
def adjectives() -> tuple[Adjective, ...]:
    """All adjectives, in the order of their table."""
    found = []
    for kind, english, french, spanish in rows("adjectives"):
        forms = french_adjective(french.strip("<")), spanish_adjective(spanish.strip("<+"))
        first = french.startswith("<"), spanish.startswith("<")
        found.append(Adjective(kind, english.lower(), *forms, *first, spanish.startswith("+")))
    return tuple(found)


@cache
def verbs() -> tuple[Verb, ...]:
    """All verbs, in the order of their table."""
    irregular = {row[0]: row for row in rows("french_verbs")}
    irregular_spanish = {row[0]: row for row in rows("spanish_verbs")}
    return tuple(
        Verb(
            takes,
            english_verb(english),
            french_verb(french.strip("*"), irregular),
            spanish_verb(spanish, irregular_spanish),
            french.endswith("*"),
        )
        for takes, english, french, spanish in rows("verbs")
    )


def given(form: str) -> tuple[str, str] | None:
    """Both forms where the table gives both, as in man/men."""
    first, slash, second = form.partition("/")
    return (first, second) if slash else None


def english_plural(noun: str) -> tuple[str, str]:
    """man/men -> (man, men); box -> (box, boxes)."""
    return given(noun) or (noun, add_s(noun))


def add_s(word: str) -> str:
    """The -s of plurals and of the third person: box -> boxes, city -> cities, cry -> cries."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def english_verb(verb: str) -> tuple[str, str, str]:
    """eat/ate -> (eat, eats, ate); cry -> (cry, cries, cried)."""
    base, past = given(verb) or (verb, "")
    if not past and base.endswith("y") and base[-2] not in "aeiou":
        past = base[:-1] + "ied"
    return base, add_s(base), past or (base + "d" if base.endswith("e") else base + "ed")


def french_plural(noun: str) -> tuple[str, str]:
    """bateau -> (bateau, bateaux); cheval -> (cheval, chevaux); souris -> (souris, souris)."""
    if "/" in noun:
        return given(noun) or (noun, noun)
    if noun.endswith(("s", "x", "z")):
        return noun, noun
    if noun.endswith(("eau", "eu")) and noun != "bleu":
        return noun, noun + "x"
    if noun.endswith("al"):
        return noun, noun[:-2] + "aux"
    return noun, noun + "s"


FRENCH_FEMININES = [("eux", "euse"), ("er", "ère"), ("f", "ve"), ("el", "elle"), ("en", "enne")]
FRENCH_FEMININES += [("on", "onne"), ("e", "e"), ("", "e")]


def french_adjective(adjective: str) -> Forms:
    """heureux -> heureux, heureuse, heureux, heureuses; two forms where the table gives both."""
    both = given(adjective)
    if both is None:
        ending, feminine = next(pair for pair in FRENCH_FEMININES if adjective.endswith(pair[0]))
        both = adjective, adjective[: len(adjective) - len(ending)] + feminine
    return both[0], both[1], french_plural(both[0])[1], both[1] + "s"


def spanish_plural(noun: str) -> tuple[str, str]:
    """casa -> (casa, casas); actriz -> (actriz, actrices); flor -> (flor, flores)."""
    if noun == "joven":
        return noun, "jóvenes"
    if noun.endswith("z"):
        return noun, noun[:-1] + "ces"
    return given(noun) or (noun, noun + ("s" if noun[-1] in "aeiouéí" else "es"))


def spanish_adjective(adjective: str) -> Forms:
    """rojo -> rojo, roja, rojos, rojas; verde -> verde, verde, verdes, verdes."""
    both = given(adjective)
    if both is None:
        both = adjective, adjective[:-1] + "a" if adjective.endswith("o") else adjective
    plain = both[0].translate(str.maketrans("éóá", "eoa"))  # inglés -> ingleses
    masculine = plain if both[0].endswith(("és", "ón")) else both[0]
    plurals = [spanish_plural(form)[1] for form in (masculine, both[1])]
    if both[0] == both[1]:
        plurals = [plurals[0], plurals[0]]
    return both[0], both[1], plurals[0], plurals[1]


def split_stem(verb: str) -> tuple[str, str]:
    """acheter(achèt) -> (acheter, achèt); parler -> (parler, parl)."""
    infinitive, _, stem = verb.strip(")").partition("(")
    return infinitive, stem or infinitive[:-2]


def french_verb(verb: str, irregular: dict[str, list[str]]) -> Conjugation:
    """Regular verbs in -er, -ir (finir) and -re (vendre); others from the table."""
    infinitive, strong = split_stem(verb)
    stem, future = infinitive[:-2], infinitive.removesuffix("e")
    if infinitive in irregular:
        _, je, il, nous, ils, participle, future = irregular[infinitive]
        present: Forms = je, il, nous, ils
    elif infinitive.endswith("er"):
        soft = {"g": stem + "e", "c": stem[:-1] + "ç"}.get(stem[-1], stem)  # mangeons, lançons
        present = strong + "e", strong + "e", soft + "ons", strong + "ent"
        participle, future = stem + "é", strong + "er" if strong != stem else infinitive
    elif infinitive.endswith("ir"):
        present = stem + "is", stem + "it", stem + "issons", stem + "issent"
        participle = stem + "i"
    else:
        present = stem + "s", stem, stem + "ons", stem + "ent"
        participle = stem + "u"
    endings = ("ai", "a", "ons", "ont")
    futures: Forms = tuple(future + ending for ending in endings)  # type: ignore[assignment]
    return Conjugation(infinitive, present, futures, participle=participle)


SPANISH_ENDINGS = {
    "ar": (("o", "a", "amos", "an"), ("é", "ó", "amos", "aron")),
    "er": (("o", "e", "emos", "en"), ("í", "ió", "imos", "ieron")),
    "ir": (("o", "e", "imos", "en"), ("í", "ió", "imos", "ieron")),
}


def spanish_verb(verb: str, irregular: dict[str, list[str]]) -> Conjugation:
    """Regular verbs, with the spelling that keeps the sound (busqué, protejo); others from the
    table."""
    infinitive, strong = split_stem(verb)
    stem, future = infinitive[:-2], infinitive
    if infinitive in irregular:
        forms, future = irregular[infinitive][1:9], irregular[infinitive][9]
    else:
        present, past = SPANISH_ENDINGS[infinitive[-2:]]
        hard = {"c": stem[:-1] + "qu", "g": stem + "u", "z": stem[:-1] + "c"}.get(stem[-1], stem)
        first = strong
        if infinitive.endswith("cer"):
            first = stem[:-1] + "zc"  # conozco
        elif infinitive.endswith(("ger", "gir")):
            first = stem[:-1] + "j"  # protejo
        forms = [first + present[0], strong + present[1], stem + present[2], strong + present[3]]
        forms += [(hard if past[0] == "é" else stem) + past[0]]
        forms += [stem + ending for ending in past[1:]]
    futures = [future + ending for ending in ("é", "á", "emos", "án")]
    now, before = forms[:4], forms[4:]
    return Conjugation(infinitive, tuple(now), tuple(futures), tuple(before))  # type: ignore[arg-type]


def begins_with_vowel(word: str) -> bool:
    """Whether French elides before `word`."""
    return word.startswith(tuple(VOWELS))
