"""An answer cut into units that can each make a point: sentences, and the clauses of long ones.

A unit knows where it stands in the answer, to be quoted exactly, and what was said before it. What
asserts nothing is marked: a run of keywords, a question, the prompt pasted, another language.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from model.pretrained import read_tokenizer
from model.wording import IDLE, plain, stem

LONG = 26  # words from which on a sentence is also read clause by clause
FULL = 60  # characters from which on a line may have been broken for its length
SHORT = 6  # words that a clause needs to stand by itself
LISTED = 12  # words from which on an answer may be a list of keywords as a whole
FEWEST = 4  # words that tell a language; LISTED where there are formulas
ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|cf|etc|approx|resp|fig|eq|sec|al|no|dr|prof|ca|incl|max|min|avg)|"
    r"\b[A-Za-z])$",
    re.IGNORECASE,
)
STOP = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|\n(?:[ \t]*\n)+|\n|;(?=\s)")
JOINT = re.compile(
    r"[,:]?\s+(?:but|whereas|while|although|though|however|because|since|so that|which means|"
    r"instead|not because|and then|and so|then)\s|"
    r",\s+(?=(?:and|or|so|which|where|with|not|it|they|this|that|the|you|we|each|every|in|if|when|"
    r"by|a|an|for)\s)|\s[-–—]+\s|:\s|,\s|\s(?=and\s)|\s\((?=\w+\s)|\)\s",
    re.IGNORECASE,
)
LIST_MARK = re.compile(r"^(?:[-*•–+]|\(?\d{1,2}[.)]|#+)\s+")
RELATION = re.compile(r"->|[=<>~≈∝→⇒←≤≥≠]")
VERBS = frozenset(
    "is are was were be been isn aren has have had do does did can could will would should must "
    "may might cannot need needs let lets get gets make makes give gives take takes use uses mean "
    "means go goes keep keeps see sees hold holds grow grows depend depends come comes learn "
    "learns add adds run runs help helps know knows want wants work works cost costs stay stays "
    "allow allows prevent prevents becomes become leads lead lets scale scales read reads".split()
)
FOREIGN = frozenset(
    # French, Spanish, Portuguese, Italian, German, Dutch; no word that is English or a symbol too
    "le la les des du une est sont dans avec pour qui que et ou sur par pas ne ce cette ses leur "
    "el los las una unos es son con para por como del su sus pero muy cada um uma os da dos das "
    "não é são nos il lo gli di che non è sono nella della delle ogni der und ist sind mit von zu "
    "dem ein eine einen nicht auf für wird werden auch als het een zijn niet voor wordt deze ook "
    "maar jede jeder weil durch über quand chaque toutes aussi donc plus mais".split()
)
ENGLISH = IDLE | frozenset(
    "not no because but when since only same other such both between".split()
)
FAMILIAR = ("LATIN", "GREEK", "MATHEMATICAL", "MICRO", "DOUBLE-STRUCK", "MODIFIER", "SUBSCRIPT")
MARKING = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Unit:
    """A passage `answer[start:end]` and what stood before it."""

    answer: str
    start: int
    end: int
    before: str = ""
    whole: bool = True  # a whole sentence, not a clause of one

    @property
    def text(self) -> str:
        """The passage itself."""
        return self.answer[self.start : self.end]

    @cached_property
    def words(self) -> list[str]:
        """Its words in small letters."""
        return re.findall(r"[\w'^]+", plain(self.text).casefold())


def cut(answer: str) -> list[Unit]:
    """Every unit of the answer, in order: sentences, each followed by its clauses if it is long."""
    units: list[Unit] = []
    before = ""
    for start, end in sentences(answer):
        sentence = Unit(answer, start, end, before)
        units.append(sentence)
        if len(sentence.words) >= LONG:
            units.extend(clauses(sentence))
        before = sentence.text
    return units


def sentences(answer: str) -> Iterator[tuple[int, int]]:
    """Where sentences and lines begin and end, without the space and list marks around them."""
    start = 0
    for stop in STOP.finditer(answer):
        if stop[0] == "." and ABBREVIATED.search(answer, max(0, stop.start() - 8), stop.start()):
            continue
        if stop[0] == "\n" and is_wrapped(answer, stop.start()):
            continue
        yield from trim(answer, start, stop.end())
        start = stop.end()
    yield from trim(answer, start, len(answer))


def is_wrapped(answer: str, place: int) -> bool:
    """Whether the line break at `place` is only where the line was full, in a sentence that goes on
    in the next line."""
    line = answer[answer.rfind("\n", 0, place) + 1 : place]
    following = answer[place + 1 :].lstrip(" \t")
    if LIST_MARK.match(following) or line.rstrip()[-1:] in ".!?:":
        return False
    return following[:1].islower() or len(line) >= FULL


def trim(answer: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without the space around it; nothing if no letter or digit is left."""
    while start < end and answer[start].isspace():
        start += 1
    if mark := LIST_MARK.match(answer[start:end]):
        start += mark.end()
    while end > start and (answer[end - 1].isspace() or answer[end - 1] in ",;:("):
        end -= 1
    if any(character.isalnum() for character in answer[start:end]):
        yield start, end


def clauses(sentence: Unit) -> Iterator[Unit]:
    """The parts of a long sentence, each at least SHORT words; each knows what came before it."""
    text, origin = sentence.text, sentence.start
    places = [0]
    for joint in JOINT.finditer(text):
        place = joint.start()
        if count(text[places[-1] : place]) >= SHORT + 3 and count(text[place:]) >= SHORT:
            places.append(place)
    if len(places) == 1:
        return
    for start, end in zip(places, [*places[1:], len(text)], strict=True):
        part = text[start:end].lstrip(" ,:;-–—()")
        begin = end - len(part)
        before = text[:start] if start else sentence.before
        for first, last in trim(sentence.answer, origin + begin, origin + end):
            yield Unit(sentence.answer, first, last, before, whole=False)


def count(text: str) -> int:
    """How many words."""
    return len(text.split())


def is_keywords(unit: Unit) -> bool:
    """Whether it only names things: a list of short items, or words without a verb or any glue."""
    words = unit.words
    if not words:
        return True
    if any(word in VERBS for word in words):
        return False
    glue = sum(word in ENGLISH for word in words) / len(words)
    flat = re.sub(r"\([^()]*\)|\$[^$]*\$", "()", unit.text)  # a formula's commas list nothing
    items = [item for item in re.split(r"[,;:/|•\n]+", flat) if item.strip()]
    relations = len(RELATION.findall(unit.text))
    longest = max(map(count, items), default=0)
    if len(items) >= 4 and longest <= 4 and relations <= len(items) / 4:
        return glue < 0.15
    if relations or ":" in unit.text or glue:
        return False
    return len(words) <= 3 or (len(words) >= 7 and not re.search(r"[\d,()]|\s-\s", unit.text))


def drop_keywords(units: list[Unit]) -> list[Unit]:
    """The units but for runs of keywords; where these are most of an answer, short units that do
    not relate one thing to another are of the same kind. None of an answer that only names."""
    whole = [unit for unit in units if unit.whole]
    if only_names(whole):
        return []
    kept = [unit for unit in units if not is_keywords(unit)]
    run = sum(len(unit.words) for unit in whole if unit not in kept)
    if run < 0.6 * sum(len(unit.words) for unit in whole):
        return kept
    return [unit for unit in kept if len(unit.words) >= 8 or RELATION.search(unit.text)]


def only_names(sentences: list[Unit]) -> bool:
    """Whether an answer of a dozen words or more hardly has one that says something of another:
    verb, glue or sign. Of 3,266 answers written for training that is true of three."""
    words = [word for sentence in sentences for word in sentence.words]
    glue = sum(word in ENGLISH for word in words)
    verbs = sum(word in VERBS for word in words)
    return (
        len(words) >= LISTED
        and glue < 0.15 * len(words)
        and LISTED * verbs <= len(words)
        and not any(RELATION.search(sentence.text) for sentence in sentences)
    )


def is_foreign(text: str) -> bool:
    """Whether it is written in another language than English."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return False
    alphabets = [unicodedata.name(letter, "?").split()[0] for letter in letters]
    strange = sum(alphabet not in FAMILIAR for alphabet in alphabets)
    if strange > 0.3 * len(letters) or (has_greek_words(text) and "LATIN" not in alphabets):
        return True
    words = MARKING.findall(text.casefold())
    english = sum(word in ENGLISH for word in words)
    foreign = sum(word in FOREIGN for word in words)
    return foreign >= 2 and foreign > 1.5 * english


def is_other_language(answer: str) -> bool:
    """Whether an answer as a whole is not in English: it has words of glue of another language, or
    few of its words are known and hardly one is English glue. Of 102,583 sentences written for
    training that is said of 138, lists of abbreviations mostly."""
    if is_foreign(answer):
        return True
    words = [word for word in MARKING.findall(answer.casefold()) if len(word) > 1]
    if len(words) < (LISTED if RELATION.search(answer) else FEWEST):
        return False
    known = sum(word in known_words() or stem(word) in known_words() for word in words)
    glue = sum(word in ENGLISH for word in words)
    few = 0.5 if len(words) < SHORT else 0.65
    return known < few * len(words) and glue < 0.15 * len(words)


@lru_cache(maxsize=1)
def known_words() -> frozenset[str]:
    """The words that MiniLM's vocabulary holds whole, most of them English, and their stems."""
    words = frozenset(word for word in read_tokenizer().get_vocab() if word.isalpha())
    return words | {stem(word) for word in words}


def has_greek_words(text: str) -> bool:
    """Whether there is more Greek than the single letters of formulas."""
    return any(len(word) > 2 and not word.isascii() for word in MARKING.findall(text))


def is_prompt(unit: Unit, prompt: str) -> bool:
    """Whether nearly all of it is the prompt's own words, in the prompt's order."""
    asked = re.findall(r"[\w'^]+", plain(prompt).casefold())
    words = unit.words
    if len(words) < 3 or not asked:
        return False
    runs = set(itertools.pairwise(asked))
    pairs = list(itertools.pairwise(words))
    return sum(pair in runs for pair in pairs) >= 0.75 * len(pairs)


def is_question(unit: Unit) -> bool:
    """Whether it asks."""
    return unit.text.rstrip("\"')] ").endswith("?")
