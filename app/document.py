"""The document that a learner's data travels in: what it holds, and what makes it whole.

One JSON object: a heading, then a list of rows for each table, named as the table is.
Rows are the tables' own columns without `learner_id`; a row that others refer to has a
number, `id`, which means nothing outside the document. docs/data.md describes it for
people, and a test holds that page to this file.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import fsrs
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)
from sqlmodel import SQLModel

from app import days
from app.tables import (
    Answer,
    Card,
    Confidence,
    Draft,
    Kind,
    LabPrediction,
    Learner,
    Mark,
    Mode,
    Note,
    PracticeItem,
    PracticeSession,
    Review,
    Star,
    Story,
    Verdict,
    Wording,
)

FORMAT = "attend"
VERSION = 1
# Every table but the learner's own row, each after those that it refers to.
TABLES: tuple[type[SQLModel], ...] = (
    Story,
    Answer,
    Verdict,
    LabPrediction,
    PracticeSession,
    PracticeItem,
    Review,
    Card,
    Draft,
    Star,
    Note,
    Wording,
)

Row = Mapping[str, Any]


class DocumentError(ValueError):
    """The file is no document that can be read here; the message says why."""


def _in_range(moment: datetime) -> datetime:
    """In UTC, and within years that every page can count days in."""
    if not 1970 <= moment.year < 9000:
        raise ValueError("a moment lies outside the years 1970 to 8999")
    return moment.astimezone(UTC)


def _is_zone(name: str) -> str:
    if name not in days.ZONES:
        raise ValueError(f"there is no time zone {name!r}")
    return name


def _are_weights(weights: list[float] | None) -> list[float] | None:
    if weights is not None:
        fsrs.Scheduler(parameters=weights)  # raises ValueError for what FSRS cannot use
    return weights


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
Number = Annotated[int, Field(ge=1, lt=2**31)]
Share = Annotated[float, Field(ge=0, le=1)]
Rating = Literal[1, 2, 3, 4]
Zone = Annotated[str, AfterValidator(_is_zone)]
PLAIN = {datetime: Moment, int: Whole, str: str, float: float, date: date}


class Exported(BaseModel):
    """A part of the document: nothing but the named fields, all of them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _row(
    table: type[SQLModel], *, without: Collection[str] = (), **narrower: Any
) -> type[Exported]:
    """What a row of `table` is in the document: its columns, some of them `narrower`.

    Whose row it is, is for whoever takes it in to say.
    """
    fields = {
        name: (narrower.get(name, _plain(field.annotation)), ...)
        for name, field in table.model_fields.items()
        if name not in ("learner_id", *without)
    }
    return create_model(f"{table.__name__}Row", __base__=Exported, **fields)  # type: ignore[no-any-return,call-overload]


def _plain(annotation: Any) -> Any:
    """A column's type with the bounds that every such column has."""
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(_plain(choice) for choice in get_args(annotation))]  # noqa: UP007
    return PLAIN.get(annotation, annotation)


StoryRow = _row(Story, id=Number, revision=Number)
AnswerRow = _row(
    Answer,
    id=Number,
    story_id=Number | None,
    confidence=Confidence | None,
    seconds=Count | None,
    zone=Zone,
)
VerdictRow = _row(Verdict, id=Number, answer_id=Number, verdict=Mark, confidence=Share | None)
LabPredictionRow = _row(LabPrediction, id=Number)
PracticeItemRow = _row(
    PracticeItem,
    id=Number,
    session_id=Number,
    position=Count,
    kind=Kind,
    story_id=Number | None,
    paces=list[Count] | None,
    answer_id=Number | None,
)
ReviewRow = _row(
    Review, id=Number, item_id=Number, answer_id=Number | None, suggested=Rating, rating=Rating
)
CardRow = _row(
    Card,
    state=Literal[1, 2, 3],
    step=Count | None,
    stability=Annotated[float, Field(gt=0)] | None,
    difficulty=Annotated[float, Field(ge=1, le=10)] | None,
)
DraftRow = _row(Draft, seconds=Count, revision=Number)
StarRow = _row(Star)
NoteRow = _row(Note, revision=Number)
WordingRow = _row(Wording, id=Number, verdict=Literal["made", "contradicted"])
SESSION: dict[str, Any] = {"id": Number, "mode": Mode, "minutes": Count | None}
SessionBefore = _row(PracticeSession, **SESSION, without={"undo"})


class Undo(Exported):
    """The way back by one step of a session: the rows that the step touched, as they were."""

    item: Number
    session: SessionBefore  # type: ignore[valid-type]
    items: list[PracticeItemRow]  # type: ignore[valid-type]
    card: CardRow | None  # type: ignore[valid-type]
    draft: DraftRow | None  # type: ignore[valid-type]
    answer: Number | None = None
    review: Number | None = None


def _is_undo(value: dict[str, Any] | None) -> dict[str, Any] | None:
    if value is not None:
        Undo.model_validate_json(json.dumps(value))
    return value


PracticeSessionRow = _row(
    PracticeSession,
    **SESSION,
    undo=Annotated[dict[str, Any] | None, AfterValidator(_is_undo)],
)
LearnerRow = _row(
    Learner,
    without={"id"},
    zone=Zone,
    day_begins=Annotated[int, Field(ge=0, le=23)],
    new_per_day=Count,
    weights=Annotated[list[float] | None, AfterValidator(_are_weights)],
)
ROWS: dict[str, type[Exported]] = {
    str(table.__tablename__): globals()[f"{table.__name__}Row"] for table in TABLES
}


class Heading(BaseModel):
    """What says whose file it is, before anything else of it is believed."""

    model_config = ConfigDict(strict=True)

    format: str
    version: int


class Heart(Exported):
    """The fields of the document that are no table's rows."""

    format: Literal["attend"]
    version: Literal[1]
    exported_at: Moment
    learner: LearnerRow  # type: ignore[valid-type]
    decks: dict[str, dict[str, str]]  # one's own, by name: file name and text
    sha256: str | None = None


LISTS: dict[str, Any] = {name: (list[row], ...) for name, row in ROWS.items()}  # type: ignore[valid-type]
Document = create_model("Document", __base__=Heart, **LISTS)


@cache
def references(table: str) -> dict[str, str]:
    """The columns of `table` that hold another row's number, with the table of that row."""
    return {
        key.parent.name: key.column.table.name
        for key in SQLModel.metadata.tables[table].foreign_keys
        if key.column.table.name != "learner"
    }


def line(row: Row, *, sort_keys: bool = False) -> str:
    """A row as JSON on one line, the same for the same values on every machine."""
    return json.dumps(
        row, ensure_ascii=False, separators=(",", ":"), default=_as_text, sort_keys=sort_keys
    )


def _as_text(value: date) -> str:
    # Every moment is in UTC; with the fraction always there, texts sort as moments do.
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)


class Digest:
    """SHA-256 over the learner, the decks and the rows: a file that was damaged shows it."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, name: str, row: Row) -> None:
        self._sum.update(f"{name} {line(row, sort_keys=True)}\n".encode())

    def hex(self) -> str:
        return self._sum.hexdigest()


def read(data: bytes) -> Any:
    """The document in `data`, whole. Raises DocumentError with the reason for any other file."""
    _check_heading(data)
    try:
        document = Document.model_validate_json(data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "the whole"
        message = fault["msg"].removeprefix("Value error, ")
        raise DocumentError(f"The file is damaged at {place}: {message}.") from error
    _check_numbers(document)
    if document.sha256 is not None and document.sha256 != digest(document):
        raise DocumentError(
            "The file is not as it was exported: its contents do not match its sha256. If it was "
            "changed on purpose, take that field out."
        )
    return document


def digest(document: Any) -> str:
    """What the document's `sha256` must be."""
    total = Digest()
    total.add("learner", document.learner.model_dump())
    total.add("decks", document.decks)
    for name in ROWS:
        for row in getattr(document, name):
            total.add(name, row.model_dump())
    return total.hex()


def _check_heading(data: bytes) -> None:
    try:
        heading = Heading.model_validate_json(data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        if fault["type"] == "json_invalid":
            reason = fault["msg"].removeprefix("Invalid JSON: ")
            raise DocumentError(f"This is not JSON, or it was cut short: {reason}.") from error
        raise DocumentError("This is a JSON file, but not an export of Attend.") from error
    if heading.format != FORMAT:
        raise DocumentError("This is a JSON file, but not an export of Attend.")
    if heading.version != VERSION:
        newer = heading.version > VERSION
        raise DocumentError(
            f"This file has version {heading.version} of the format and this Attend reads "
            f"version {VERSION}: {'update Attend first' if newer else 'no such version was made'}."
        )


def _check_numbers(document: Any) -> None:
    """Every number is one row's, and every reference leads to a row of the file."""
    numbers: dict[str, set[int]] = {}
    for name in ROWS:
        rows = getattr(document, name)
        if "id" in ROWS[name].model_fields:
            numbers[name] = {row.id for row in rows}
            if len(numbers[name]) != len(rows):
                raise DocumentError(f"The file is damaged: two rows of {name} have one number.")
    for name in ROWS:
        for column, other in references(name).items():
            for row in getattr(document, name):
                number = getattr(row, column)
                if number is not None and number not in numbers[other]:
                    raise DocumentError(
                        f"The file is damaged: a row of {name} names {other} {number}, "
                        "which is not in it."
                    )
