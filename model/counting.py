"""What can be counted of a claim and a passage, beside what a classifier reads in them; and what
counting alone rules out, where a small model takes the same words for other roles."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations

from model.pairs import DENIED, MADE, NEITHER
from model.wording import COUNTERPARTS, DENIALS, IDLE, plain, stem

COUNTED = 8  # numbers of `compare`
FEWEST = 3  # words that a claim must have to be compared word by word
MOST = 40  # that it may have to be compared with two of them exchanged; what is read is no longer
BESIDES = 3  # words more in what repeats a claim with two of them exchanged
SIGNS = re.compile(r"<-|->|[+*/=<>~]=?|(?:(?<!\w)|(?<=\b\w)|(?<=\d))-(?=\d|\w\b)|(?<=\s)-(?=\s)")


def list_stems(words: str) -> frozenset[str]:
    """The stems of words in a line."""
    return frozenset(stem(word) for word in words.split())


FILLING = list_stems(
    "a an the this that these those and also so then well yes just basically i we you it its think "
    "say believe guess know would is are was were be been do does did has have of while whereas "
    "although though however"
)
DETERMINERS = list_stems("each every")
EVEN = list_stems(  # what is said so of two is said of each in the other's place, too
    "both together much same equal equivalent match differ alternate share correlated independent "
    "exchange trade conflict close"
)
DOUBTS = DENIALS | list_stems("mistake")


@lru_cache(maxsize=50_000)
def stems(text: str) -> tuple[str, ...]:
    """The stems of a text's words."""
    text = re.sub(r"\bcan(?:'t|not)\b", "can not", plain(text).casefold())
    text = re.sub(r"n't\b", " not", text)
    text = re.sub(r"'(?:s|re|ve|d|ll|m)\b", "", text)
    return tuple(stem(word) for word in re.findall(r"[a-z0-9^_]+", text))


def compare(claim: str, passage: str) -> list[float]:
    """What can be counted of a claim and a passage: the shares of shared words, whether one alone
    denies, whether the passage does, counterparts that stand for each other, numbers not repeated,
    the length, and how many words are shared."""
    asked, said = stems(claim), stems(passage)
    mine, theirs = set(asked) - IDLE, set(said) - IDLE
    shared = len(mine & theirs)
    denied = [sum(word in DENIALS for word in words) for words in (asked, said)]
    turned = sum(
        any(other in theirs and other not in mine for other in COUNTERPARTS.get(word, ()))
        for word in mine - theirs
    )
    numbers = {word for word in mine if word.isdigit()}
    return [
        shared / max(1, len(mine)),
        shared / max(1, len(theirs)),
        float(denied[0] % 2 != denied[1] % 2),
        float(denied[1] > 0),
        float(min(turned, 3)),
        float(len(numbers - theirs)),
        min(len(theirs), 40) / 20,
        float(min(shared, 6)) / 3,
    ]


def rule_out(claim: str, passage: str, before: str = "") -> tuple[int, ...]:
    """What the passage does not do with the claim, by counting alone; nothing, where what stands
    before it may take it back."""
    if DOUBTS & set(stems(before)):
        return ()
    if repeats(claim, passage):
        return DENIED, NEITHER
    return (MADE,) if exchanges(claim, passage) else ()


def repeats(claim: str, passage: str) -> bool:
    """Whether the passage has the claim's words in the claim's order, and none besides that has a
    meaning of its own."""
    asked, said = without(FILLING, claim, passage)
    signs = [SIGNS.findall(plain(text)) for text in (claim, passage)]
    words = len(asked) >= FEWEST and set(said) <= set(asked) and follows(asked, said)
    return words and signs[0] == signs[1]


def exchanges(claim: str, passage: str) -> bool:
    """Whether the passage repeats the claim but for two words that have changed places, as in "GPT
    reads both ways, BERT one way". Not where that may change nothing: two that stand side by side
    or in a list ("keys and values"), relations that hold both ways, a passive."""
    asked, said = without(FILLING | DETERMINERS, claim, passage)
    if (
        not FEWEST < len(asked) <= MOST
        or len(said) - len(asked) > BESIDES
        or set(asked) - set(said)
        or EVEN & set(asked)
        or ("by" in asked) != ("by" in said)
        or follows(asked, said)
    ):
        return False
    once = [word for word in asked if asked.count(word) == said.count(word) == 1]
    listed = set(re.findall(r"\b(?:and|or) (\S+)", " ".join(stems(claim))))
    for one, other in combinations([word for word in once if word not in listed], 2):
        trade = {one: other, other: one}
        apart = all(abs(words.index(one) - words.index(other)) > 1 for words in (asked, said))
        if apart and follows([trade.get(word, word) for word in asked], said):
            return True
    return False


def without(idle: frozenset[str], claim: str, passage: str) -> tuple[list[str], list[str]]:
    """The stems of both but for the idle ones; none, where they do not deny equally often."""
    asked, said = ([word for word in stems(text) if word not in idle] for text in (claim, passage))
    denials = [sum(word in DENIALS for word in words) for words in (asked, said)]
    return (asked, said) if denials[0] == denials[1] else ([], [])


def follows(words: Sequence[str], text: Iterable[str]) -> bool:
    """Whether all the words occur in the text, in their order."""
    rest = iter(text)
    return all(word in rest for word in words)
