"""The question bank: reads, validates and freezes every file under questions/.

A fault in any file stops the start and names the file and the field; a page can
therefore trust every question it is handed. Questions never enter the database:
rows store a question's slug.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app import markdown
from app.question import DECKS, Deck, Difficulty, Question, Topic

# Names of pages under /questions, which a question's slug may therefore not be.
RESERVED = frozenset({"print"})
# The same safe loader, in C where PyYAML was built with it: ten times as fast.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FILE_NAME = re.compile(r"(?P<number>\d{2})-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)\.md")
FRONT_MATTER = re.compile(r"---\n(?P<matter>.*?)\n---\n(?P<body>.*)", re.DOTALL)
FENCE_OR_HEADING = re.compile(r"^(?P<fence>`{3,}|~{3,})|^## (?P<heading>.+)$", re.MULTILINE)


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
            question = _read(path, deck)
            if question.slug in RESERVED:
                raise BankError(f"{path}: the slug {question.slug!r} is the name of a page")
            if question.slug in questions:
                raise BankError(f"{path}: the slug is taken by {paths[question.slug]}")
            questions[question.slug] = question
            paths[question.slug] = path
    for slug, question in questions.items():
        try:
            _check_links(question, questions, check_lab)
            _check_maths(question)
        except ValueError as error:
            raise BankError(f"{paths[slug]}: {error}") from error
    return Bank(questions.values())


def _read(path: Path, deck: Deck) -> Question:
    name = FILE_NAME.fullmatch(path.name)
    if name is None:
        raise BankError(f"{path}: a question file is named <nn>-<slug>.md, such as 05-scale.md")
    try:
        parts = FRONT_MATTER.fullmatch(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise BankError(f"{path}: not UTF-8 text, at byte {error.start}") from error
    if parts is None:
        raise BankError(f"{path}: must begin with front matter between two lines of ---")
    try:
        matter = yaml.load(parts["matter"], Loader=Loader)
    except yaml.YAMLError as error:
        raise BankError(f"{path}: front matter is not YAML: {error}") from error
    if not isinstance(matter, dict):
        raise BankError(f"{path}: front matter must be fields with values")
    try:
        sections = _sections(parts["body"])
        derived = {"slug": name["slug"], "deck": deck, "number": int(name["number"])}
        if clash := next((field for field in (*derived, "sections") if field in matter), None):
            raise ValueError(f"{clash}: comes from the file itself, remove it")
        return Question.model_validate(matter | derived | {"sections": sections})
    except ValidationError as error:
        raise BankError(f"{path}: {_first_fault(error)}") from error
    except ValueError as error:
        raise BankError(f"{path}: {error}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    field = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _sections(body: str) -> dict[str, str]:
    """Split a body at its level-two headings, leaving those inside code fences alone."""
    sections: dict[str, str] = {}
    fence = ""
    start, heading = 0, ""
    for match in FENCE_OR_HEADING.finditer(body):
        if mark := match["fence"]:
            if not fence:
                fence = mark
            elif mark.startswith(fence):
                fence = ""
        elif not fence:
            if heading:
                sections[heading] = body[start : match.start()].strip()
            elif body[: match.start()].strip():
                raise ValueError("sections: text stands before the first ## heading")
            heading = match["heading"].strip()
            if heading in sections:
                raise ValueError(f"sections: the heading {heading!r} stands twice")
            start = match.end()
    if heading:
        sections[heading] = body[start:].strip()
    elif body.strip():
        raise ValueError("sections: the body has no ## heading")
    return sections


def _check_links(
    question: Question, questions: Mapping[str, Question], check_lab: LabCheck
) -> None:
    for slug in (*question.follow_ups, *((question.deeper,) if question.deeper else ())):
        if slug not in questions:
            raise ValueError(f"follow_ups: there is no question {slug!r}")
        if slug == question.slug:
            raise ValueError("follow_ups: a question does not follow itself")
    for lab in question.labs:
        check_lab(lab, {})
    for index, point in enumerate(question.points):
        if point.lab:
            try:
                check_lab(point.lab.name, point.lab.params)
            except ValueError as error:
                raise ValueError(f"points.{index}.lab: {error}") from error


def _check_maths(question: Question) -> None:
    """Typeset everything once: a formula that fails stops the start instead of a page."""
    for heading, text in question.sections.items():
        try:
            markdown.render(text)
        except markdown.MathsError as error:
            raise ValueError(f"sections: {heading}: {error}") from error
    for index, point in enumerate(question.points):
        for field in ("text", "hint"):
            try:
                markdown.render_inline(getattr(point, field))
            except markdown.MathsError as error:
                raise ValueError(f"points.{index}.{field}: {error}") from error
    for index, part in enumerate(question.parts):
        try:
            markdown.render(part.say)
        except markdown.MathsError as error:
            raise ValueError(f"parts.{index}.say: {error}") from error
