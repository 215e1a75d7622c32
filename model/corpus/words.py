"""Words of a sentence with what they stand for, from which the alignment of two languages follows.

Every word carries the parts of the meaning that it expresses, such as `object.noun`. Two words of
two languages are surely linked where they share a `sure` part (cars, voitures), possibly where they
share any (does, mange: both show the tense).
"""

from dataclasses import dataclass, replace

Links = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Word:
    """One word, and the parts of the meaning that it surely and possibly expresses."""

    text: str
    sure: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()


def word(text: str, *sure: str, possible: tuple[str, ...] = ()) -> Word:
    """A word with its parts."""
    return Word(text, frozenset(sure), frozenset(possible))


def rename(words: list[Word], prefix: str) -> list[Word]:
    """The same words as a part of something larger: `noun` becomes `<prefix>noun`."""
    return [
        replace(
            w,
            sure=frozenset(prefix + part for part in w.sure),
            possible=frozenset(prefix + part for part in w.possible),
        )
        for w in words
    ]


def merge(first: Word, second: Word, text: str) -> Word:
    """One word for two, as du for de le."""
    return Word(text, first.sure | second.sure, first.possible | second.possible)


def align(source: list[Word], target: list[Word]) -> tuple[Links, Links]:
    """The sure and the possible links (source word, target word); sure links are possible too."""
    sure, possible = set(), set()
    for i, one in enumerate(source):
        for j, other in enumerate(target):
            if one.sure & other.sure:
                sure.add((i, j))
            if (one.sure | one.possible) & (other.sure | other.possible):
                possible.add((i, j))
    return frozenset(sure), frozenset(possible)
