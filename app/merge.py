"""What becomes of a row that both an import and the database have, where they differ.

The rules, which docs/data.md tells people: nothing typed is lost, what is further on or
newer wins, and settling the same two rows again changes nothing. Each function here
takes rows that were met, settles them and returns those of the database that changed.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from app.drafts import LIMIT
from app.tables import (
    Answer,
    Card,
    Draft,
    Learner,
    Note,
    PracticeItem,
    PracticeSession,
    Star,
    Story,
    Wording,
)

PARTS = ("context", "problem", "solution", "impact", "learnings")
# What doing an item sets; how far it is tells which side of two is further on.
STEPS = ("rated_at", "answered_at", "hinted", "opened_at")


class Irreconcilable(ValueError):
    """Two rows that cannot both be true; the message says which."""


@dataclass(frozen=True)
class Met:
    """A row that both sides have: the one stored, and what the document says of it."""

    stored: Any
    theirs: Mapping[str, Any]


def settings(learner: Learner, theirs: Mapping[str, Any], *, is_fresh: bool) -> bool:
    """A database never practised in takes all settings, any other only what it has not set."""
    before = learner.model_dump()
    wanted = theirs if is_fresh else {}
    for name in ("interview_on", "weights"):
        if getattr(learner, name) is None:
            wanted = {**wanted, name: theirs[name]}
    for name, value in wanted.items():
        setattr(learner, name, value)
    learner.created_at = min(learner.created_at, theirs["created_at"])
    return learner.model_dump() != before


def answers(met: Sequence[Met]) -> list[SQLModel]:
    """An answer is never changed: the same submission with another text is no answer's."""
    for pair in met:
        if pair.stored.text != pair.theirs["text"] or pair.stored.slug != pair.theirs["slug"]:
            raise Irreconcilable(
                f"The file is damaged: it has an answer to {pair.theirs['slug']!r} with the "
                "submission of another one that is here."
            )
    return []


def cards(met: Sequence[Met]) -> list[SQLModel]:
    """The card that was rated last."""
    changed = []
    for pair in met:
        mine, theirs = pair.stored.last_review, pair.theirs["last_review"]
        if theirs is not None and (mine is None or theirs > mine):
            _take(pair.stored, pair.theirs)
            changed.append(pair.stored)
    return changed


def stars(met: Sequence[Met]) -> list[SQLModel]:
    """The star that was there first."""
    changed = []
    for pair in met:
        if pair.theirs["created_at"] < pair.stored.created_at:
            pair.stored.created_at = pair.theirs["created_at"]
            changed.append(pair.stored)
    return changed


def typed(met: Sequence[Met]) -> list[SQLModel]:
    """Drafts and notes: the newer text, with the older one below it unless it is part of it."""
    changed = []
    for pair in met:
        mine, theirs = pair.stored, pair.theirs
        text = both(mine.text, mine.updated_at, theirs["text"], theirs["updated_at"])
        if text == mine.text:
            continue
        if len(text) > LIMIT:
            raise Irreconcilable(
                f"The text typed for {mine.slug!r} differs here and in the file, and both "
                f"together pass {LIMIT:,} characters: shorten one first."
            )
        mine.text = text
        if isinstance(mine, Draft):
            mine.seconds = max(mine.seconds, theirs["seconds"])
        _renew(mine, theirs)
        changed.append(mine)
    return changed


def stories(met: Sequence[Met]) -> list[SQLModel]:
    """Part by part as notes are; of two titles the newer, with the older in brackets."""
    changed = []
    for pair in met:
        mine, theirs = pair.stored, pair.theirs
        moments = (mine.updated_at, theirs["updated_at"])
        texts = {
            name: both(getattr(mine, name), moments[0], theirs[name], moments[1]) for name in PARTS
        }
        texts["title"] = _title(mine.title, theirs["title"], moments[0] >= moments[1])
        if all(getattr(mine, name) == text for name, text in texts.items()):
            continue
        for name, text in texts.items():
            setattr(mine, name, text)
        _renew(mine, theirs)
        changed.append(mine)
    return changed


def wordings(met: Sequence[Met]) -> list[SQLModel]:
    """How the sentence was last accepted."""
    changed = []
    for pair in met:
        if pair.theirs["created_at"] > pair.stored.created_at:
            _take(pair.stored, {name: pair.theirs[name] for name in ("verdict", "created_at")})
            changed.append(pair.stored)
    return changed


def sittings(met: Sequence[Met]) -> list[SQLModel]:
    """A session that was ended on either side is ended."""
    changed = []
    for pair in met:
        if pair.stored.finished_at is None and pair.theirs["finished_at"] is not None:
            pair.stored.finished_at = pair.theirs["finished_at"]
            changed.append(pair.stored)
    return changed


def items(met: Sequence[Met]) -> list[SQLModel]:
    """Of each item the side that is further on: rated, answered, hinted at, opened."""
    changed = []
    for pair in met:
        if lead(pair) > 0:
            _take(pair.stored, {name: pair.theirs[name] for name in (*STEPS, "paces", "answer_id")})
            changed.append(pair.stored)
    return changed


def lead(pair: Met) -> int:
    """Which side of an item is further on: 1 theirs, -1 mine, 0 neither."""
    mine = [getattr(pair.stored, name) is not None for name in STEPS]
    theirs = [pair.theirs[name] is not None for name in STEPS]
    return (theirs > mine) - (mine > theirs)


def reorder(asked: Sequence[PracticeItem]) -> None:
    """Positions from 0 on: a follow-up asked on one side only shifts what comes after it."""
    after: dict[int, list[PracticeItem]] = defaultdict(list)
    for item in asked:
        after[item.position].append(item)
    ordered = [item for position in sorted(after) for item in after[position]]
    for position, item in enumerate(ordered):
        item.position = position


def both(mine: str, mine_at: datetime, theirs: str, theirs_at: datetime) -> str:
    """One text that holds both: the longer where it holds the other, else the newer, then the
    older below a line that says so."""
    if theirs in mine:
        return mine
    if mine in theirs:
        return theirs
    (_, older), (_, newer) = sorted(((mine_at, mine), (theirs_at, theirs)))
    moment = min(mine_at, theirs_at)
    return f"{newer}\n\n[Kept from another copy, {moment:%Y-%m-%d %H:%M} UTC]\n{older}"


def _title(mine: str, theirs: str, mine_is_newer: bool) -> str:
    if theirs in mine:
        return mine
    if mine in theirs:
        return theirs
    return f"{mine} ({theirs})" if mine_is_newer else f"{theirs} ({mine})"


def _renew(mine: Any, theirs: Mapping[str, Any]) -> None:
    # A tab that began from the stored revision must not overwrite what came in.
    mine.revision = max(mine.revision, theirs["revision"]) + 1
    mine.updated_at = max(mine.updated_at, theirs["updated_at"])


def _take(stored: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(stored, name, value)


RULES: Mapping[type[SQLModel], Callable[[Sequence[Met]], list[SQLModel]]] = {
    Story: stories,
    Answer: answers,
    PracticeSession: sittings,
    PracticeItem: items,
    Card: cards,
    Draft: typed,
    Star: stars,
    Note: typed,
    Wording: wordings,
}
