"""Growth: answers to the same question side by side, point by point and word by word."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, cast

from sqlmodel import Session

from app import practice
from app.progress.history import History
from app.question import Point, Question
from app.tables import Answer, Mark

WORD = re.compile(r"\s*\S+")
SHOWN = 5  # questions listed; pairs compared on a question's own page
LONGEST = 1_000  # words of either answer that are compared: the time grows with their product

KINDS: Mapping[str, Literal["kept", "removed", "added", "replaced"]] = {
    "equal": "kept",
    "delete": "removed",
    "insert": "added",
    "replace": "replaced",
}

Marks = Mapping[str, Mark]


class Piece(NamedTuple):
    """A run of words as each answer spaces it, empty in the one that does not have it."""

    kind: Literal["kept", "removed", "added", "replaced"]
    earlier: str
    later: str


@dataclass(frozen=True)
class Change:
    """Points made in one marked answer and not in the other."""

    question: Question
    gained: list[Point]
    lost: list[Point]

    @property
    def net(self) -> int:
        return len(self.gained) - len(self.lost)


@dataclass(frozen=True)
class Growth:
    """Last two marked answers of each question that has two: what was gained, what was lost."""

    compared: int
    more: int  # questions whose last answer made more points than the one before
    fewer: int
    gained: list[Change]  # the largest first
    lost: list[Change]

    @property
    def reading(self) -> str:
        return (
            f"Of {self.compared} questions answered and marked twice or more, the last answer "
            f"made more points than the one before in {self.more} and fewer in {self.fewer}."
        )


@dataclass(frozen=True)
class Pair:
    """An answer and the one before it."""

    earlier: Answer
    later: Answer
    change: Change | None  # none where one of them has no verdict
    words: list[Piece]


@dataclass(frozen=True)
class Grown:
    """One question's answers: the newest pairs, and every point's marks, oldest first."""

    answers: list[Answer]
    marks: dict[str, list[str]]  # by point; empty where an answer has no verdict of it
    pairs: list[Pair]


def measure(history: History) -> Growth:
    changes = [
        change(history.bank[slug], *(answer.verdicts.final for answer in answers[-2:]))
        for slug, answers in history.marked.items()
        if len(answers) > 1
    ]
    changes.sort(key=lambda one: one.net)
    more = [one for one in reversed(changes) if one.net > 0]
    fewer = [one for one in changes if one.net < 0]
    return Growth(len(changes), len(more), len(fewer), more[:SHOWN], fewer[:SHOWN])


def change(question: Question, earlier: Marks, later: Marks) -> Change:
    """The points that `later` made and `earlier` did not, and the other way round."""
    before = {name for name, mark in earlier.items() if mark == "made"}
    after = {name for name, mark in later.items() if mark == "made"}
    return Change(
        question,
        [point for point in question.points if point.id in after - before],
        [point for point in question.points if point.id in before - after],
    )


def _between(question: Question, earlier: Marks, later: Marks) -> Change | None:
    return change(question, earlier, later) if earlier and later else None


def compare(earlier: str, later: str) -> list[Piece]:
    """The words of both texts, run by run: the pieces spell out either."""
    before, after = WORD.findall(earlier), WORD.findall(later)
    rest = "".join(before[LONGEST:]), "".join(after[LONGEST:])
    before, after = before[:LONGEST], after[:LONGEST]
    matcher = SequenceMatcher(
        None, [word.strip() for word in before], [word.strip() for word in after], autojunk=False
    )
    pieces = [
        Piece(KINDS[tag], "".join(before[start:end]), "".join(after[first:last]))
        for tag, start, end, first, last in matcher.get_opcodes()
    ]
    if any(rest):
        is_kept = rest[0].split() == rest[1].split()
        pieces.append(Piece("kept" if is_kept else "replaced", *rest))
    return pieces


def of_question(session: Session, learner_id: int, question: Question) -> Grown:
    """All answers to one question, the newest pairs compared."""
    answers = practice.history(session, learner_id, question.slug)[::-1]
    rows = practice.verdicts(session, answers)
    given = [
        {point: cast(Mark, row.verdict) for point, row in rows[cast(int, answer.id)].items()}
        for answer in answers
    ]
    pairs = [
        Pair(
            earlier=answers[at - 1],
            later=answers[at],
            change=_between(question, given[at - 1], given[at]),
            words=compare(answers[at - 1].text, answers[at].text),
        )
        for at in range(len(answers) - 1, max(0, len(answers) - 1 - SHOWN), -1)
    ]
    marks = {point.id: [one.get(point.id, "") for one in given] for point in question.points}
    return Grown(answers, marks, pairs)
