"""A document into the database: what is there already is met, what is not is added.

The same file taken in twice changes nothing the second time: a row is recognised by what
it is (an answer by its submission, a verdict by whose, on what and when), never by its
number. `merge` settles what both sides have and tell differently. All or nothing: one
transaction.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, func, select

from app import db, drafts, merge
from app.document import TABLES, DocumentError, Row
from app.merge import Met
from app.tables import Card, Draft, Learner, PracticeItem, PracticeSession
from app.transfer import moved, moved_undo, name_of

# What a row is recognised by, in whichever database it is. Equal rows are told apart by order.
KEYS: Mapping[str, tuple[str, ...]] = {
    "story": ("created_at",),
    "answer": ("submission",),
    "verdict": ("answer_id", "point_id", "grader", "grader_version", "created_at"),
    "lab_prediction": ("lab", "address", "choice", "outcome", "created_at"),
    "practice_session": ("mode", "started_at"),
    "practice_item": ("session_id", "kind", "slug", "point_id", "story_id"),
    "review": ("slug", "reviewed_at", "item_id"),
    "card": ("slug",),
    "draft": ("slug",),
    "star": ("slug",),
    "note": ("slug",),
    "wording": ("slug", "point_id", "text"),
}


@dataclass
class Report:
    """What an import did: rows by table."""

    added: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)


@dataclass
class _Intake:
    """An import on its way: what has become of the document's rows so far."""

    session: Session
    learner_id: int
    document: Any
    numbers: dict[str, dict[int, int]] = field(default_factory=dict)  # to the database's
    added: dict[str, list[Row]] = field(default_factory=dict)
    met: dict[str, list[Met]] = field(default_factory=dict)
    changed: dict[str, list[Any]] = field(default_factory=dict)


def take_in(session: Session, learner_id: int, document: Any) -> Report:
    """Add what the document holds and the database does not; commits, or changes nothing.

    `session` must be fresh. Raises DocumentError.
    """
    db.hold_still(session, writing=True)
    intake = _Intake(session, learner_id, document)
    try:
        has_settings_changed = _settle_settings(intake)
        for table in TABLES:
            _enter(intake, table)
        _reorder(intake)
        _enter_ways_back(intake)
        session.commit()
    except IntegrityError as error:
        session.rollback()
        raise DocumentError("The file is damaged: it holds a row twice.") from error
    except merge.Irreconcilable as error:
        session.rollback()
        raise DocumentError(str(error)) from error
    report = Report(
        added=Counter({name: len(rows) for name, rows in intake.added.items() if rows}),
        changed=Counter({name: len(rows) for name, rows in intake.changed.items() if rows}),
    )
    if has_settings_changed:
        report.changed["learner"] = 1
    return report


def count(session: Session, learner_id: int) -> Counter[str]:
    """How many rows the learner has, by table."""
    counts: Counter[str] = Counter()
    for table in TABLES:
        kept = SQLModel.metadata.tables[name_of(table)]
        query = select(func.count()).select_from(kept).where(kept.c.learner_id == learner_id)
        counts[name_of(table)] = session.exec(query).one()
    return counts


def _settle_settings(intake: _Intake) -> bool:
    is_fresh = not any(count(intake.session, intake.learner_id).values())
    learner = intake.session.get_one(Learner, intake.learner_id)
    return merge.settings(learner, intake.document.learner.model_dump(), is_fresh=is_fresh)


def _enter(intake: _Intake, table: type[SQLModel]) -> None:
    """Add the document's rows of a table that are not stored, and settle those that are."""
    name, rule = name_of(table), merge.RULES.get(table)
    stored = _stored(intake, table)
    numbers = intake.numbers.setdefault(name, {})
    seen: Counter[Any] = Counter()
    met: list[Met] = []
    fresh: list[Row] = []
    fresh_numbers: list[int] = []
    for theirs in getattr(intake.document, name):
        row = moved(theirs.model_dump(exclude={"id", "undo"}), name, intake.numbers)
        row["learner_id"] = intake.learner_id
        number = getattr(theirs, "id", 0)
        if (found := stored.get(_key(name, row, seen))) is not None:
            met.append(Met(found, row))
            numbers[number] = getattr(found, "id", 0)
        elif table is not Draft or not _is_submitted(intake, row):
            fresh.append(row)
            fresh_numbers.append(number)
    numbers.update(zip(fresh_numbers, _add(intake.session, table, fresh), strict=False))
    intake.added[name], intake.met[name] = fresh, met
    intake.changed[name] = rule(met) if rule else []


def _key(table: str, row: Mapping[str, Any], seen: Counter[Any]) -> tuple[Any, ...]:
    """What a row is recognised by; among equal ones, the how manieth it is."""
    key = tuple(row[name] for name in KEYS[table])
    seen[key] += 1
    return (*key, seen[key])


def _stored(intake: _Intake, table: type[SQLModel]) -> dict[tuple[Any, ...], Any]:
    """The learner's rows of `table` by their keys; whole where a rule may change them."""
    name = name_of(table)
    kept = SQLModel.metadata.tables[name]
    names = dict.fromkeys((*KEYS[name], *kept.primary_key.c.keys()))
    columns = [kept.c[column] for column in names]
    query = select(table) if table in merge.RULES else select(*columns)
    query = query.where(kept.c.learner_id == intake.learner_id).order_by(*kept.primary_key)
    rows = intake.session.execute(query)
    seen: Counter[Any] = Counter()
    found = {}
    for row in rows.scalars() if table in merge.RULES else rows:
        values = {column: getattr(row, column) for column in KEYS[name]}
        found[_key(name, values, seen)] = row
    return found


def _add(session: Session, table: type[SQLModel], rows: Sequence[Row]) -> Sequence[int]:
    """Insert rows; the ids that they got, in their order, where the table has ids."""
    if not rows:
        return []
    kept = SQLModel.metadata.tables[name_of(table)]
    if "id" not in kept.c:
        session.execute(insert(kept), rows)
        return []
    adding = insert(kept).returning(kept.c.id, sort_by_parameter_order=True)
    return session.scalars(adding, rows).all()


def _is_submitted(intake: _Intake, draft: Row) -> bool:
    """Whether what the draft holds has become an answer here since."""
    return any(
        pair.stored.text == draft["text"]
        and drafts.key(pair.stored.slug, pair.stored.point_id) == draft["slug"]
        and pair.stored.created_at >= draft["updated_at"]
        for pair in intake.met["answer"]
    )


def _reorder(intake: _Intake) -> None:
    """Where a session got an item from the file, positions count from 0 again."""
    for number in _known_sessions(intake) & _sessions_of(intake.added["practice_item"]):
        query = select(PracticeItem).where(PracticeItem.session_id == number)
        merge.reorder(intake.session.exec(query.order_by(col(PracticeItem.id))).all())


def _enter_ways_back(intake: _Intake) -> None:
    """Keep a session's step back only where all that it would put back is as it was.

    A session that the file alone took further gets the file's; one that both sides took
    further has none, and nor has one whose card has since been rated on the other side.
    """
    session, whose = intake.session, intake.learner_id
    known = _known_sessions(intake)
    theirs = _sessions_of(intake.added["practice_item"])
    theirs |= {item.session_id for item in intake.changed["practice_item"]}
    mine = _sessions_ahead(intake)
    rated = {card.slug: card.last_review for card in intake.document.card}
    for sitting in intake.document.practice_session:
        number = intake.numbers["practice_session"][sitting.id]
        if number in known and number not in theirs:
            continue
        undo = None if number in known & mine else sitting.undo
        undo = moved_undo(undo, intake.numbers, learner_id=whose)
        if undo and "review" in undo:
            card = session.get(Card, (whose, _slug(undo)))
            undo = undo if card and card.last_review == rated.get(card.slug) else None
        session.get_one(PracticeSession, number).undo = undo
    replaced = {card.slug for card in intake.changed["card"]}
    came = set(intake.numbers["practice_session"].values())
    for row in session.exec(select(PracticeSession).where(PracticeSession.learner_id == whose)):
        is_mine = row.id in known - theirs or row.id not in came
        if is_mine and row.undo and "review" in row.undo and _slug(row.undo) in replaced:
            row.undo = None


def _known_sessions(intake: _Intake) -> set[int]:
    return {pair.stored.id for pair in intake.met["practice_session"]}


def _sessions_of(items: Sequence[Row]) -> set[int]:
    return {row["session_id"] for row in items}


def _sessions_ahead(intake: _Intake) -> set[int]:
    """Sessions of which the database holds more than the file: an item, or a step of one."""
    items = set(intake.numbers["practice_item"].values())
    query = select(PracticeItem.id, PracticeItem.session_id).where(
        PracticeItem.learner_id == intake.learner_id
    )
    ahead = {pair.stored.session_id for pair in intake.met["practice_item"] if merge.lead(pair) < 0}
    return ahead | {session for item, session in intake.session.exec(query) if item not in items}


def _slug(undo: Mapping[str, Any]) -> str:
    return next(str(row["slug"]) for row in undo["items"] if row["id"] == undo["item"])
