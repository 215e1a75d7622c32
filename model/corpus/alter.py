"""Sentences changed so that what they assert is known: words swapped for their counterparts, what
is denied in so many words, what is only mentioned, and slips of the keyboard.

Every function takes the generator that it draws from; None where a text gives no occasion.
"""

import itertools
import re
from random import Random

from model.wording import DENIALS, IDLE, SETS, stem

WORD = re.compile(r"[A-Za-z]+")
AUXILIARY = re.compile(
    r"\b(is|are|was|were|can|could|does|do|has|have|will|would|should|must|may)\b(?! not)"
)
REFUSED = (
    "It is not true that {}",
    "{}: that is a myth",
    "Some people think {}, but that is wrong",
    "No, it is not the case that {}",
    "I would not say that {}",
    "{} - no, wrong, it doesn't",
    "It's a common misconception that {}",
    "Nobody should believe that {}",
    "The idea that {} is simply false",
    "People claim {}, which is mistaken",
    "I used to think {}, but this is not so",
)
UPHELD = (
    "People often forget that {}",
    "It is sometimes questioned, but {}",
    "Contrary to what some believe, {}",
    "I'm not sure about the details, but I think {}",
    "There is no doubt that {}",
    "It isn't magic: {}",
    "Not everybody knows this, but {}",
    "You can't ignore that {}",
    "It would be wrong to deny that {}",
    "The thing is, {}",
    "If I remember correctly, {}",
    "So basically {}",
    "Nobody would dispute that {}",
)
SAME = """
because since | whereas while | every each | large big | almost nearly | reduces lowers
increases raises | needs requires | gives yields | keeps holds | uses employs | cannot can't
therefore so | shows reveals | begins starts | ends stops | quickly fast | often frequently
whole entire | gets receives | changes alters
"""
ADDED = ("Well, {}", "{}, of course", "So {}", "{}, if you ask me", "Also, {}", "First, {}")
TAILS = (
    "{}, not the other way round",
    "{}, and not vice versa",
    "{}, not the reverse",
    "{}, nothing else",
    "{}, rather than the opposite",
    "{}, not by accident",
)
LINKS = (" ", " ", "; ", ", and ", ", but ", ", while ", ", whereas ")
ASKED = (
    "Is it true that {}?",
    "I don't know whether {}",
    "The question is whether {}",
    "I wonder if {}",
    "Why would one say that {}?",
    "One could discuss whether {}, and I have no opinion",
)
NAMED = (
    "{}, {}, {}",
    "{}, {}, {}, {}",
    "{} {} {} {}",
    "{}, {}, {}, {}, {}, {}",
    "{} / {} / {}",
    "- {}\n- {}\n- {}",
    "{} {} {} {} {} {} {}",
    "It is all about {} and {}",
    "The {} is really important for {}",
    "There is a connection between {} and {}, and also {}",
    "One has to consider the {} and the {}",
    "I would talk about {}, {} and {} here",
    "{} plays a key role together with {}",
    "I think {} and {} matter somehow",
    "Concepts such as {}, {} and {} are essential for understanding this",
    "We need to handle {} carefully because of {}",
    "{} is a well-known topic",
    "The role of {} in {} has been studied a lot",
)


def swap_roles(text: str, random: Random) -> str | None:
    """Two counterparts that both occur change places: queries and keys, encoder and decoder."""
    words = list(WORD.finditer(text))
    stems = [stem(word[0]) for word in words]
    chances = [
        (a, b) for a, b in PARTNERS if a in stems and b in stems and not joined(text, words, a, b)
    ]
    if not chances:
        return None
    one, other = random.choice(chances)
    first = next(word[0] for word, s in zip(words, stems, strict=True) if s == one)
    second = next(word[0] for word, s in zip(words, stems, strict=True) if s == other)
    return exchange(text, {one: second, other: first})


def trade_roles(texts: tuple[str, ...], random: Random) -> tuple[str, ...] | None:
    """Two counterparts change places wherever they occur in the texts: what one of these says of
    another stays as true or false as it was."""
    words = [word for text in texts for word in WORD.findall(text)]
    forms = {stem(word): word for word in reversed(words)}
    chances = [(a, b) for a, b in PARTNERS if a in forms and b in forms]
    if not chances:
        return None
    one, other = random.choice(chances)
    return tuple(exchange(text, {one: forms[other], other: forms[one]}) for text in texts)


def joined(text: str, words: list[re.Match[str]], one: str, other: str) -> bool:
    """Whether the two are only named side by side (queries and keys): order says nothing there."""
    places = {one: -9, other: -9}
    apart = False
    for place, word in enumerate(words):
        if (found := stem(word[0])) in places:
            places[found] = place
            if min(places.values()) >= 0 and abs(places[one] - places[other]) > 2:
                apart = True
    return not apart


def flip(text: str, random: Random) -> str | None:
    """One word of direction or quantity becomes its counterpart."""
    chances = [word for word in WORD.finditer(text) if word[0].casefold() in OPPOSITES]
    if not chances:
        return None
    word = random.choice(chances)
    found = random.choice(OPPOSITES[word[0].casefold()])
    return text[: word.start()] + like(word[0], found) + text[word.end() :]


def negate(text: str, random: Random) -> str | None:
    """A "not" after an auxiliary, or one taken away."""
    words = text.split()
    if any(stem(word.strip(".,;")) in DENIALS for word in words):
        shorter = re.sub(r"\b(not|never) |n't\b", "", text, count=1)
        return shorter if shorter != text else None
    chances = list(AUXILIARY.finditer(text))
    if not chances:
        return None
    place = random.choice(chances).end()
    return text[:place] + " not" + text[place:]


def wrap(text: str, frames: tuple[str, ...], random: Random) -> str:
    """The text as a part of one of the frames."""
    frame = random.choice(frames)
    text = text.strip().rstrip(".")
    if not frame.startswith("{}") and text[1:2].islower():
        text = text[0].lower() + text[1:]
    return frame.format(text)


def connect(one: str, other: str, random: Random) -> str:
    """Two sentences side by side, or as the two halves of one."""
    link = random.choice(LINKS)
    if link == " ":
        return f"{one} {other}"
    return one.rstrip(".") + wrap(other, (link + "{}.",), random)


def restate(text: str, random: Random) -> str:
    """The text said again: some words for others that say the same, a word or two around it."""
    words = text.split(" ")
    for place, word in enumerate(words):
        if word in SYNONYMS and random.random() < 0.5:
            words[place] = SYNONYMS[word]
        elif len(words) > 6 and word in FILLING and random.random() < 0.3:
            words[place] = ""
    said = " ".join(word for word in words if word)
    return wrap(said, ADDED, random) if random.random() < 0.5 else said


def shorten(text: str, random: Random) -> str | None:
    """The text with some words left out, or what follows a comma: it may say less, not the
    contrary. What would turn it round stays: denials, operators, words that have counterparts."""
    head, comma, rest = text.rstrip(".").partition(", ")
    if comma and len(head.split()) > 4 and len(rest.split()) > 2 and random.random() < 0.4:
        return head + "."
    words = text.split(" ")
    stems = [stem(word.strip(".,;:()")) for word in words]
    chances = [
        place
        for place, word in enumerate(stems)
        if word.isalpha() and word not in KEPT and place > 0
    ]
    if len(chances) < 3 or DENIALS & set(stems):
        return None
    left_out = set(random.sample(chances, random.choice((1, 1, 2, 2, 3))))
    return " ".join(word for place, word in enumerate(words) if place not in left_out)


def mention(text: str, random: Random) -> str | None:
    """Words of the text, of which nothing is said."""
    words = [word for word in re.findall(r"[\w'^-]+", text) if stem(word) not in IDLE | DENIALS]
    words = [word for word in words if len(word) > 2]
    runs = [" ".join(pair) for pair in itertools.pairwise(words) if " ".join(pair) in text]
    frame = random.choice(NAMED)
    needed = frame.count("{}")
    terms = list(dict.fromkeys(random.sample(words, len(words))))
    if runs and random.random() < 0.5:
        terms.insert(0, random.choice(runs))
    return frame.format(*terms[:needed]) if len(terms) >= needed else None


def mistype(text: str, random: Random) -> str:
    """Slips: letters that change places, are left out or doubled; no capitals; no full stop."""
    letters = list(text)
    for place in range(1, len(letters) - 2):
        if letters[place].isalpha() and letters[place + 1].isalpha() and random.random() < 0.025:
            kind = random.random()
            if kind < 0.5:
                letters[place], letters[place + 1] = letters[place + 1], letters[place]
            elif kind < 0.8:
                letters[place] = ""
            else:
                letters[place] *= 2
    text = "".join(letters)
    if random.random() < 0.5:
        text = text.lower()
    return text.rstrip(".") if random.random() < 0.5 else text


def exchange(text: str, new: dict[str, str]) -> str:
    """The text with every word whose stem is in `new` replaced, its capital kept."""
    return WORD.sub(
        lambda word: like(word[0], new[s]) if (s := stem(word[0])) in new else word[0], text
    )


def like(model: str, word: str) -> str:
    """The word with a capital where the model has one; BERT and GPT keep theirs."""
    if not (word[1:].islower() or len(word) == 1):
        return word
    return word[0].upper() + word[1:] if model[0].isupper() else word.lower()


def forms(word: str) -> list[str]:
    """A word with the endings of a verb, where both it and its counterpart may take them."""
    short = word.removesuffix("e")
    return [word, f"{word}s", f"{short}ed", f"{short}ing"]


def _partners() -> list[tuple[str, str]]:
    groups = [line.split() for line in SETS.replace("\n", "|").split("|")]
    pairs = [(stem(a), stem(b)) for words in groups for a in words for b in words if a < b]
    return [(a, b) for a, b in pairs if a != b]


DIRECTIONS = """
increase decrease | grow shrink | larger smaller | big small | more less | more fewer | high low
higher lower | longer shorter | long short | faster slower | slow fast | raise lower | rise fall
before after | first last | early late | earlier later | quadratic linear | quadratically linearly
always never | same different | separate shared | fixed learned | stable unstable | easier harder
better worse | cheap expensive | cheaper costlier | parallel sequential | frequent rare
bidirectional causal | wide narrow | frozen trained | keep drop | allow prevent | absolute relative
every no | each no | same other | exact approximate | sparse dense | local global | most few
quadratic cubic | constant quadratic | square cube | halve double | gain lose | improve worsen
"""
PARTNERS = _partners()
MARKERS = """
root square inverse minus plus log sum product half third quarter fail only some few less least most
by over per until unless non exponential reciprocal zero rarely hardly barely otherwise
"""
KEPT = frozenset(itertools.chain(*PARTNERS, DENIALS, map(stem, MARKERS.split())))
FILLING = frozenset("the a an very all".split())
SYNONYMS: dict[str, str] = {}
for _pair in SAME.replace("\n", "|").split("|"):
    if _pair.split():
        _this, _that = _pair.split()
        SYNONYMS |= {_this: _that, _that: _this}
OPPOSITES: dict[str, list[str]] = {}
for _line in DIRECTIONS.replace("\n", "|").split("|"):
    if _line.split():
        _one, _other = _line.split()
        for _a, _b in zip(forms(_one), forms(_other), strict=True):
            OPPOSITES.setdefault(_a, []).append(_b)
            OPPOSITES.setdefault(_b, []).append(_a)
