"""The question bank: reads, validates and freezes every file under questions/.

A fault in any file stops the start and names the file and the field; a page can
therefore trust every question it is handed. Questions never enter the database:
rows store a question's slug.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from app import markdown, question_file
from app.question import DECKS, Deck, Difficulty, Question, Topic
from app.question_file import Fault, FileFault

# Names of pages under /questions, which a question's slug may therefore not be.
RESERVED = frozenset({"print"})


class BankError(Exception):
    """A question file is at fault; the message names the file and the field."""


class Bank(Mapping[str, Question]):
    """All questions by slug, in the order of decks and numbers."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._questions = {question.slug: question for question in questions}

    def __getitem__(self, slug: str) -> Question:
        return self._questions[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._questions)

    def __len__(self) -> int:
        return len(self._questions)

    def select(
        self,
        deck: Deck | None = None,
        topic: Topic | None = None,
        difficulty: Difficulty | None = None,
        q: str = "",
    ) -> list[Question]:
        """The questions that match every given filter; `q` matches all its words, in any order."""
        words = q.casefold().split()
        return [
            question
            for question in self._questions.values()
            if deck in (None, question.deck)
            and topic in (None, question.topic)
            and difficulty in (None, question.difficulty)
            and all(word in self._haystacks[question.slug] for word in words)
        ]

    def after(self, slug: str) -> Question | None:
        """The question that follows `slug`, or None after the last one."""
        slugs = list(self._questions)
        following = slugs[slugs.index(slug) + 1 :]
        return self._questions[following[0]] if following else None

    def before(self, slug: str) -> Question | None:
        """The question that precedes `slug`, or None before the first one."""
        slugs = list(self._questions)
        index = slugs.index(slug)
        return self._questions[slugs[index - 1]] if index else None

    def serving(self, lab: str) -> list[Question]:
        """The questions that the lab named `lab` illustrates."""
        return [question for question in self._questions.values() if lab in question.labs]

    @cached_property
    def _haystacks(self) -> dict[str, str]:
        return {
            slug: " ".join(
                (
                    question.asks,
                    question.title,
                    question.topic,
                    *(point.text for point in question.points),
                )
            ).casefold()
            for slug, question in self._questions.items()
        }


LabCheck = Callable[[str, Mapping[str, Any]], None]


def load(folder: Path, check_lab: LabCheck) -> Bank:
    """Read every `<deck>/<nn>-<slug>.md` under `folder`.

    `check_lab(name, params)` raises ValueError for a lab, or parameters of one,
    that the app does not know. Raises BankError for the first fault found.
    """
    if not folder.is_dir():
        raise BankError(f"{folder}: no such folder of questions")
    questions: dict[str, Question] = {}
    paths: dict[str, Path] = {}
    for deck in DECKS:
        for path in sorted((folder / deck).glob("*.md")):
            try:
                question = question_file.parse(path.name, path.read_bytes(), deck)
            except FileFault as error:
                raise BankError(f"{path}: {error.faults[0]}") from error
            if question.slug in RESERVED:
                raise BankError(f"{path}: the slug {question.slug!r} is the name of a page")
            if question.slug in questions:
                raise BankError(f"{path}: the slug is taken by {paths[question.slug]}")
            questions[question.slug] = question
            paths[question.slug] = path
    for slug, question in questions.items():
        if faults := check(question, questions, check_lab):
            text = question_file.decode(paths[slug].read_bytes())
            raise BankError(f"{paths[slug]}: {question_file.located(faults[0], text)}")
    return Bank(questions.values())


def check(
    question: Question, questions: Mapping[str, Question], check_lab: LabCheck
) -> list[Fault]:
    """What is wrong with where a question leads, and with its formulas."""
    return [*_faulty_links(question, questions, check_lab), *_faulty_maths(question)]


def _faulty_links(
    question: Question, questions: Mapping[str, Question], check_lab: LabCheck
) -> Iterator[Fault]:
    for index, slug in enumerate(question.follow_ups):
        if slug not in questions:
            yield Fault(("follow_ups", index), f"there is no question {slug!r}")
        if slug == question.slug:
            yield Fault(("follow_ups", index), "a question does not follow itself")
    if question.deeper is not None and question.deeper not in questions:
        yield Fault(("deeper",), f"there is no question {question.deeper!r}")
    for index, name in enumerate(question.labs):
        yield from _faulty_lab(("labs", index), name, {}, check_lab)
    for index, point in enumerate(question.points):
        if point.lab:
            place = ("points", index, "lab")
            yield from _faulty_lab(place, point.lab.name, point.lab.params, check_lab)


def _faulty_lab(
    place: tuple[str | int, ...], name: str, params: Mapping[str, Any], check_lab: LabCheck
) -> Iterator[Fault]:
    try:
        check_lab(name, params)
    except ValueError as error:
        yield Fault(place, str(error))


def _faulty_maths(question: Question) -> Iterator[Fault]:
    """Typeset everything once: a formula that fails stops the start instead of a page."""
    for heading, text in question.sections.items():
        yield from _faulty_text(("sections", heading), markdown.render, text)
    for index, point in enumerate(question.points):
        for field in ("text", "hint"):
            text = getattr(point, field)
            yield from _faulty_text(("points", index, field), markdown.render_inline, text)
    for index, part in enumerate(question.parts):
        yield from _faulty_text(("parts", index, "say"), markdown.render, part.say)


def _faulty_text(
    place: tuple[str | int, ...], render: Callable[[str], str], text: str
) -> Iterator[Fault]:
    try:
        render(text)
    except markdown.MathsError as error:
        yield Fault(place, str(error))
