"""Everything of a learner as one document; `intake` takes such a document in.

The document's numbers count the rows of each table, oldest first, so that the same data
is the same document wherever it is exported.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Select
from sqlmodel import Session, SQLModel, col, select

from app import db
from app.document import FORMAT, TABLES, VERSION, Digest, Row, line, references
from app.tables import Learner, PracticeItem, PracticeSession, now

PIECE = 64_000  # characters sent at once
Numbers = Mapping[str, Mapping[int, int]]  # by table: a row's number to its other number
Decks = Mapping[str, Mapping[str, str]]  # by a deck's name: file name and text

# What rows with numbers are ordered by, where it is not when they were created.
MOMENTS: Mapping[str, str] = {
    "practice_session": "started_at",
    "practice_item": "position",
    "review": "reviewed_at",
}


def export(session: Session, learner_id: int, decks: Decks | None = None) -> Iterator[str]:
    """The learner's document, in pieces: what the database holds at one moment.

    `session` must be fresh. `decks` are those of the learner's own.
    """
    db.hold_still(session)
    return _pieces(_lines(session, learner_id, decks or {}))


def _lines(session: Session, learner_id: int, decks: Decks) -> Iterator[str]:
    total = Digest()
    learner = session.get_one(Learner, learner_id).model_dump(exclude={"id"})
    total.add("learner", learner)
    total.add("decks", decks)
    heading = {"format": FORMAT, "version": VERSION, "exported_at": now()}
    yield f'{line(heading)[:-1]},\n"learner":{line(learner)},\n"decks":{line(decks)}'
    numbers = {
        name_of(table): {
            row_id: number
            for number, row_id in enumerate(session.scalars(_ordered(table, learner_id, "id")), 1)
        }
        for table in TABLES
        if "id" in table.model_fields
    }
    for table in TABLES:
        yield f',\n"{name_of(table)}":['
        rows = session.execute(_ordered(table, learner_id)).yield_per(1000).mappings()
        for count, stored in enumerate(rows):
            row = moved(dict(stored), name_of(table), numbers)
            if table is PracticeSession:
                row["undo"] = moved_undo(row["undo"], numbers)
            total.add(name_of(table), row)
            yield f"{',' if count else ''}\n{line(row)}"
        yield "]"
    yield f',\n"sha256":"{total.hex()}"}}\n'


def _ordered(table: type[SQLModel], learner_id: int, *columns: str) -> Select[Any]:
    """The learner's rows of `table`, oldest first: the same order in every database."""
    kept = SQLModel.metadata.tables[name_of(table)]
    query: Select[Any] = select(*(kept.c[name] for name in columns or table.model_fields))
    query = query.where(kept.c.learner_id == learner_id)
    if "id" not in table.model_fields:
        return query.order_by(kept.c.slug)
    if table is PracticeItem:
        query = query.join(PracticeSession, kept.c.session_id == col(PracticeSession.id))
        query = query.order_by(col(PracticeSession.started_at), kept.c.session_id)
    return query.order_by(kept.c[MOMENTS.get(name_of(table), "created_at")], kept.c.id)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    gathered: list[str] = []
    size = 0
    for text in lines:
        gathered.append(text)
        size += len(text)
        if size > PIECE:
            yield "".join(gathered)
            gathered, size = [], 0
    yield "".join(gathered)


def name_of(table: type[SQLModel]) -> str:
    return str(table.__tablename__)


def moved(row: Row, table: str, numbers: Numbers) -> dict[str, Any]:
    """A row with the other numbers for itself and for those it refers to. Raises KeyError."""
    changed = {name: value for name, value in row.items() if name != "learner_id"}
    for column, other in {"id": table, **references(table)}.items():
        if changed.get(column) is not None:
            changed[column] = numbers[other][changed[column]]
    return changed


def moved_undo(
    before: dict[str, Any] | None, numbers: Numbers, **whose: int
) -> dict[str, Any] | None:
    """A session's way back with the other numbers; none where a row that it needs is gone."""
    if before is None:
        return None
    changed = dict(before)
    try:
        for name, table in (("session", "practice_session"), ("card", "card"), ("draft", "draft")):
            if before[name] is not None:
                changed[name] = moved(before[name], table, numbers) | whose
        changed["items"] = [moved(row, "practice_item", numbers) | whose for row in before["items"]]
        changed["item"] = numbers["practice_item"][before["item"]]
        for name in ("answer", "review"):
            if name in before:
                changed[name] = numbers[name][before[name]]
    except KeyError:
        return None
    return changed
