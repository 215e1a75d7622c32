"""Data that moves: out as one document, in on another machine, and nothing lost on the way."""

import json
import random
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select

from app import db, document, intake, memory, practice, progress, sessions, steps, transfer
from app.bank import Bank
from app.document import DocumentError
from app.queues import Choice
from app.settings import ROOT
from app.tables import (
    Answer,
    Card,
    Draft,
    Learner,
    Mode,
    Note,
    PracticeSession,
    Review,
    Story,
    Verdict,
)
from tests.histories import ME, Life, empty_database, known, lived

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(0, 25)
# A seed says nothing by being small: what fails is reported as it is found.
UNSHRUNK = (Phase.explicit, Phase.generate)


def exported(engine: Engine) -> str:
    with Session(engine) as session:
        return "".join(transfer.export(session, ME))


def contents(engine: Engine) -> str:
    """The export without the moment at which it was made."""
    return re.sub(r'"exported_at":"[^"]*",?', "", exported(engine), count=1)


def take(engine: Engine, text: str) -> intake.Report:
    with Session(engine) as session:
        return intake.take_in(session, ME, document.read(text.encode()))


def tables(engine: Engine, *without: str) -> dict[str, Any]:
    held = json.loads(exported(engine))
    return {
        name: rows for name, rows in held.items() if name in document.ROWS and name not in without
    }


@settings(max_examples=6, deadline=None, phases=UNSHRUNK)
@given(seed=SEEDS, count=COUNTS)
def test_what_is_taken_in_elsewhere_is_the_same_to_the_digit(
    small: Bank, seed: int, count: int
) -> None:
    here = lived(seed, count, small)
    there = empty_database()
    take(there, exported(here))
    assert contents(there) == contents(here)
    with Session(here) as mine, Session(there) as theirs:
        assert known(theirs, small) == known(mine, small)
        measured = [progress.measure(session, ME, small) for session in (mine, theirs)]
        assert measured[0].topics == measured[1].topics
        assert [row.tally for row in measured[0].recent] == [
            row.tally for row in measured[1].recent
        ]


@settings(max_examples=4, deadline=None, phases=UNSHRUNK)
@given(seed=SEEDS, count=COUNTS, other=SEEDS)
def test_the_same_file_twice_changes_nothing(
    small: Bank, seed: int, count: int, other: int
) -> None:
    text = exported(lived(seed, count, small))
    there = lived(other, 5, small)
    take(there, text)
    before = contents(there)
    report = take(there, text)
    assert (report.added, report.changed) == ({}, {})
    assert contents(there) == before


@settings(max_examples=5, deadline=None, phases=UNSHRUNK)
@given(first=SEEDS, second=SEEDS, shared=SEEDS)
@example(first=1, second=2, shared=3)
def test_two_copies_that_were_lived_on_apart_come_together(
    small: Bank, first: int, second: int, shared: int
) -> None:
    assume(first != second)  # nobody does the same thing twice in one microsecond
    here = lived(shared, 8, small)
    there = empty_database()
    take(there, exported(here))
    lived(first, 8, small, here)
    lived(second, 8, small, there)
    mine, theirs = exported(here), exported(there)
    take(here, theirs)
    take(there, mine)
    for typed in {*_typed(mine), *_typed(theirs)}:
        assert any(typed in text for text in _typed(exported(here))), typed
    # Sessions taken further on both sides may differ in the order of their rows, no more.
    apart = ("practice_session", "practice_item", "review", "draft", "note", "story")
    assert tables(here, *apart) == tables(there, *apart)
    for name in apart:
        assert len(tables(here)[name]) == len(tables(there)[name]), name


def _typed(text: str) -> list[str]:
    held = json.loads(text)
    fields = ("text", "title", "impact")
    rows = [row for name in ("answer", "draft", "note", "story") for row in held[name]]
    return [row[name] for row in rows for name in fields if row.get(name)]


@settings(max_examples=5, deadline=None, phases=UNSHRUNK)
@given(seed=SEEDS)
def test_a_step_can_be_taken_back_where_it_was_taken_in(small: Bank, seed: int) -> None:
    here = lived(seed, 12, small)
    there = empty_database()
    take(there, exported(here))
    for engine in (here, there):
        with Session(engine) as session:
            for sitting in session.exec(select(PracticeSession).order_by("started_at")):  # type: ignore[arg-type]
                if sitting.undo is not None:
                    steps.undo_last(session, sitting)
    for name in ("answer", "verdict", "review", "card", "practice_session"):
        assert len(tables(here)[name]) == len(tables(there)[name]), name
    assert _typed(exported(here)) == _typed(exported(there))


@pytest.fixture(scope="module")
def life(small: Bank) -> str:
    """The export of a life in which everything happened."""
    return exported(lived(7, 25, small))


@pytest.fixture
def engine(life: str) -> Engine:
    engine = empty_database()
    take(engine, life)
    return engine


def held(engine: Engine) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(exported(engine)))


def refused(engine: Engine, data: bytes | dict[str, Any]) -> str:
    """The reason for which `data` is not taken in; nothing may have been touched by it."""
    before = contents(engine)
    sent = data if isinstance(data, bytes) else json.dumps(data).encode()
    with Session(engine) as session, pytest.raises(DocumentError) as error:
        intake.take_in(session, ME, document.read(sent))
    assert contents(engine) == before
    return str(error.value)


def test_a_file_cut_short_is_refused_wherever_it_was_cut(engine: Engine) -> None:
    data = exported(engine).encode()
    for at in range(0, len(data) - 3, len(data) // 40):
        assert "cut short" in refused(engine, data[:at])


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_changes_nothing(life: str, place: float, bit: int) -> None:
    data = bytearray(life.encode())
    data[int(place * len(data))] ^= 1 << bit
    try:
        read = document.read(bytes(data))
    except DocumentError:
        return
    assert read.sha256 is None or document.digest(read) == read.sha256


def test_a_changed_word_is_refused_as_damage(engine: Engine) -> None:
    changed = held(engine)
    changed["answer"][0]["text"] += "."
    assert "sha256" in refused(engine, changed)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"[]", b"3", b'{"a": 1}', b"\xff\xfe{}"])
def test_a_foreign_file_is_refused(engine: Engine, data: bytes) -> None:
    assert refused(engine, data).startswith(("This is not JSON", "This is a JSON file, but not"))


def test_a_newer_version_is_refused_by_its_number(engine: Engine) -> None:
    newer = held(engine) | {"version": document.VERSION + 1, "colours": ["red"]}
    assert "update Attend first" in refused(engine, newer)


DAMAGES: dict[str, tuple[Any, str]] = {
    "an unknown field": (lambda d: d["answer"][0].update(colour="red"), "answer.0.colour"),
    "a missing field": (lambda d: d["answer"][0].pop("text"), "answer.0.text"),
    "a text for a number": (lambda d: d["note"][0].update(revision="1"), "note.0.revision"),
    "a moment without a zone": (
        lambda d: d["answer"][0].update(created_at="2026-01-01T00:00:00"),
        "answer.0.created_at",
    ),
    "a moment out of all time": (
        lambda d: d["answer"][0].update(created_at="0001-01-01T00:00:00+09:00"),
        "answer.0.created_at",
    ),
    "a verdict that is none": (lambda d: d["verdict"][0].update(verdict="so-so"), "verdict.0"),
    "a confidence over one": (lambda d: d["verdict"][0].update(confidence=1.5), "verdict.0"),
    "a rating of five": (lambda d: d["review"][0].update(rating=5), "review.0.rating"),
    "an unknown zone": (lambda d: d["learner"].update(zone="Mars/Olympus"), "learner.zone"),
    "weights of no FSRS": (lambda d: d["learner"].update(weights=[1.0]), "learner.weights"),
    "a card of no state": (lambda d: d["card"][0].update(state=0), "card.0.state"),
    "a number too large": (lambda d: d["answer"][0].update(seconds=2**40), "answer.0.seconds"),
    "an answer to no row": (lambda d: d["verdict"][0].update(answer_id=9999), "answer 9999"),
    "a number twice": (lambda d: d["answer"][0].update(id=2), "one number"),
    "a card twice": (lambda d: d["card"].append(d["card"][0]), "twice"),
    "an answer twice": (
        lambda d: d["answer"].append(d["answer"][0] | {"id": 9999}),
        "twice",
    ),
    "a way back to nowhere": (
        lambda d: d["practice_session"][0].update(undo={"item": 1}),
        "practice_session.0.undo",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_whole_with_its_place(life: str, damage: str) -> None:
    change, named = DAMAGES[damage]
    changed = json.loads(life)
    del changed["sha256"]
    change(changed)
    assert named in refused(empty_database(), changed)


def test_an_answer_under_another_ones_submission_is_refused(engine: Engine) -> None:
    changed = held(engine)
    del changed["sha256"]
    changed["answer"][0]["text"] = "something else"
    assert "submission" in refused(engine, changed)


def test_a_file_that_was_written_anew_by_another_program_is_taken_in(engine: Engine) -> None:
    text = json.dumps(held(engine), indent=3, sort_keys=True)
    there = empty_database()
    take(there, text)
    assert held(there)["answer"] == held(engine)["answer"]
    assert tables(there) == tables(engine)


def test_every_table_is_exported_and_every_column() -> None:
    names = {transfer.name_of(table) for table in document.TABLES}
    assert names | {"learner"} == set(SQLModel.metadata.tables)
    assert set(intake.KEYS) == names
    for name, row in (*document.ROWS.items(), ("learner", document.LearnerRow)):
        columns = set(SQLModel.metadata.tables[name].c.keys())
        left_out = {"id"} if name == "learner" else {"learner_id"}
        assert set(row.model_fields) == columns - left_out, name


def test_another_learners_rows_stay_out(engine: Engine) -> None:
    before = contents(engine)
    with Session(engine) as session:
        session.add(Learner(id=2))
        session.commit()
        session.add(Answer(learner_id=2, slug="s", text="not mine", submission="x"))
        session.commit()
    assert contents(engine) == before


def merged(mine: dict[str, Any], theirs: dict[str, Any], table: Any) -> Any:
    """The one row of `table` after `theirs` is taken into a database that has `mine`."""
    here, there = empty_database(), empty_database()
    for engine, values in ((here, mine), (there, theirs)):
        with Session(engine) as session:
            session.add(table.model_validate({"learner_id": ME, **values}))
            session.commit()
    text = exported(there)
    take(here, text)
    assert (take(here, text).added, take(here, text).changed) == ({}, {})
    with Session(here) as session:
        return session.exec(select(table)).one()


OLDER, NEWER = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


@pytest.mark.parametrize("table", [Draft, Note])
@pytest.mark.parametrize("mine_is_newer", [True, False])
def test_of_two_texts_neither_is_lost_and_the_newer_stands_first(
    table: type[Draft] | type[Note], mine_is_newer: bool
) -> None:
    moments = (NEWER, OLDER) if mine_is_newer else (OLDER, NEWER)
    mine = {"slug": "s", "text": "mine", "updated_at": moments[0], "revision": 3}
    theirs = {"slug": "s", "text": "theirs", "updated_at": moments[1], "revision": 9}
    row = merged(mine, theirs, table)
    first, last = ("mine", "theirs") if mine_is_newer else ("theirs", "mine")
    assert row.text.startswith(f"{first}\n\n[Kept")
    assert row.text.endswith(f"\n{last}")
    assert row.revision == 10  # a tab that knows 3 or 9 may not overwrite it


def test_a_text_that_went_on_elsewhere_replaces_its_beginning() -> None:
    mine = {"slug": "s", "text": "Queries", "updated_at": NEWER}
    theirs = {"slug": "s", "text": "Queries and keys", "updated_at": OLDER}
    assert merged(mine, theirs, Note).text == "Queries and keys"


def test_of_two_stories_each_part_is_kept() -> None:
    made = {"created_at": "2025-01-01T00:00:00Z"}
    mine = {**made, "title": "Search", "impact": "5 %", "updated_at": OLDER}
    theirs = {**made, "title": "Ranking", "impact": "6 %", "updated_at": NEWER}
    story = merged(mine, theirs, Story)
    assert story.title == "Ranking (Search)"
    assert story.impact.startswith("6 %")
    assert story.impact.endswith("5 %")


@pytest.mark.parametrize(("mine", "theirs"), [(OLDER, NEWER), (NEWER, OLDER)])
def test_the_card_that_was_rated_last_stands(mine: str, theirs: str) -> None:
    rows = [
        {"slug": "s", "state": 2, "stability": 5.0, "difficulty": 4.0, "due": at, "last_review": at}
        for at in (mine, theirs)
    ]
    card = merged(rows[0], rows[1], Card)
    assert card.last_review == card.due
    assert card.due.isoformat().startswith(NEWER[:10])


def test_a_draft_that_was_submitted_since_does_not_come_back(small: Bank) -> None:
    here, there = empty_database(), empty_database()
    answer = {"slug": "s", "text": "Done.", "submission": "1", "created_at": "2026-01-02T00:00:00Z"}
    for engine in (here, there):
        with Session(engine) as session:
            session.add(Answer.model_validate({"learner_id": ME, **answer}))
            session.commit()
    with Session(there) as session:
        for text in ("Done.", "More."):
            slug = {"Done.": "s", "More.": "t"}[text]
            row = {"learner_id": ME, "slug": slug, "text": text, "updated_at": OLDER}
            session.add(Draft.model_validate(row))
        session.commit()
    take(here, exported(there))
    with Session(here) as session:
        assert [draft.text for draft in session.exec(select(Draft))] == ["More."]


def test_settings_of_ones_own_stay_and_what_is_not_set_is_taken(engine: Engine) -> None:
    here = empty_database()
    with Session(here) as session:
        session.add(Note(learner_id=ME, slug="s", text="mine"))
        learner = session.get_one(Learner, ME)
        learner.day_begins = 6
        session.commit()
    changed = held(engine)
    del changed["sha256"]
    changed["learner"] |= {"day_begins": 2, "interview_on": "2026-12-24"}
    take(here, json.dumps(changed))
    with Session(here) as session:
        learner = session.get_one(Learner, ME)
        assert (learner.day_begins, str(learner.interview_on)) == (6, "2026-12-24")


def test_an_export_sees_the_database_at_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PIECE", 0)  # every row by itself
    engine = db.connect(f"sqlite:///{tmp_path}/attend.db")
    db.migrate(engine)
    with Session(engine) as session:
        pieces = transfer.export(session, ME)
        text = next(pieces)
        with Session(engine) as other:
            other.add(Answer(learner_id=ME, slug="s", text="after it began", submission="x"))
            other.commit()
        text += "".join(pieces)
    assert json.loads(text)["answer"] == []


def add_answer(session: Session, text: str, at: str) -> Answer:
    row = {"slug": "s", "text": text, "submission": text, "created_at": at}
    answer = Answer.model_validate({"learner_id": ME, **row})
    session.add(answer)
    session.flush()
    return answer


def add_verdict(session: Session, answer: Answer, mark: str, at: str) -> None:
    row = {"answer_id": answer.id, "point_id": "p", "verdict": mark, "created_at": at}
    graded = {"grader": "g", "grader_version": "1"}
    session.add(Verdict.model_validate({"learner_id": ME, **row, **graded}))
    session.commit()


def test_the_latest_verdict_is_the_latest_given_whichever_came_in_last() -> None:
    """Rows that come in late have high numbers and old moments."""
    here, there = empty_database(), empty_database()
    for engine, at, mark in ((here, NEWER, "made"), (there, OLDER, "missing")):
        with Session(engine) as session:
            add_verdict(session, add_answer(session, "the same", OLDER), mark, at)
    take(here, exported(there))
    with Session(here) as session:
        [answer] = practice.history(session, ME)
        assert practice.verdicts(session, [answer])[cast(int, answer.id)]["p"].verdict == "made"
        said = [row.verdict for row in practice.opinions(session, answer)["p"]]
        assert said == ["missing", "made"]
        assert memory.latest_marks(session, ME) == {"s": {"p": "made"}}


def test_the_latest_answer_is_the_latest_given_whichever_came_in_last() -> None:
    here, there = empty_database(), empty_database()
    for engine, at, mark in ((here, NEWER, "made"), (there, OLDER, "missing")):
        with Session(engine) as session:
            add_verdict(session, add_answer(session, mark, at), mark, NEWER)
    take(here, exported(there))
    with Session(here) as session:
        assert [answer.text for answer in practice.history(session, ME)] == ["made", "missing"]
        assert memory.latest_marks(session, ME) == {"s": {"p": "made"}}


class Desk:
    """One of two machines on which the same candidate practises by turns."""

    def __init__(self, bank: Bank, seed: int) -> None:
        self.bank = bank
        self.engine = empty_database()
        self.life = Life(random.Random(seed), bank)

    def begin(self, mode: Mode = "review") -> None:
        with Session(self.engine) as session, self.life.clock():
            learner = session.get_one(Learner, ME)
            sessions.start(session, learner, self.bank, Choice(mode=mode), random.Random(1))

    def give_answer(self, place: int, rating: int | None = None) -> None:
        self.life.moment += timedelta(minutes=self.life.rng.randint(1, 9))
        with Session(self.engine) as session, self.life.clock():
            [sitting] = session.exec(select(PracticeSession))
            item = sessions.items(session, sitting)[place]
            question = self.bank[item.slug]
            steps.answer(session, sitting, item, question, self.life.form())
            if rating:
                learner = session.get_one(Learner, ME)
                steps.rate(session, learner, sitting, item, question, rating)

    def state(self) -> tuple[list[tuple[int, bool, bool]], bool, bool]:
        """For each item whether it is answered and rated; whether all is finished, can be undone"""
        with Session(self.engine) as session:
            [sitting] = session.exec(select(PracticeSession))
            asked = sessions.items(session, sitting)
            return (
                [(item.position, bool(item.answered_at), bool(item.rated_at)) for item in asked],
                bool(sitting.finished_at),
                bool(sitting.undo),
            )


@pytest.fixture
def desks(small: Bank) -> tuple[Desk, Desk]:
    return Desk(small, 1), Desk(small, 2)


def test_a_session_goes_on_where_the_other_machine_left_it(desks: tuple[Desk, Desk]) -> None:
    here, there = desks
    here.begin()
    take(there.engine, exported(here.engine))
    there.give_answer(0, rating=3)
    take(here.engine, exported(there.engine))
    assert here.state() == there.state() == ([(0, True, True), (1, False, False)], False, True)
    with Session(here.engine) as session:
        [sitting] = session.exec(select(PracticeSession))
        steps.undo_last(session, sitting)
        assert session.exec(select(Card)).all() == []
    assert here.state()[0] == [(0, True, False), (1, False, False)]


def test_an_older_copy_takes_no_session_back(desks: tuple[Desk, Desk]) -> None:
    here, there = desks
    here.begin()
    take(there.engine, exported(here.engine))
    here.give_answer(0, rating=3)
    before = contents(here.engine)
    take(here.engine, exported(there.engine))
    assert contents(here.engine) == before


def test_a_session_that_both_took_further_has_both_and_no_way_back(
    desks: tuple[Desk, Desk],
) -> None:
    here, there = desks
    here.begin()
    take(there.engine, exported(here.engine))
    here.give_answer(0)
    there.give_answer(1, rating=2)
    take(here.engine, exported(there.engine))
    assert here.state() == ([(0, True, False), (1, True, True)], False, False)


@pytest.mark.parametrize("later", [0, 1])
def test_a_step_is_not_taken_back_over_a_later_rating_from_elsewhere(
    desks: tuple[Desk, Desk], later: int
) -> None:
    here, there = desks
    desks[later].life.moment += timedelta(days=9)
    for desk in desks:
        desk.begin("learn")
        desk.give_answer(0, rating=1)
    take(here.engine, exported(there.engine))
    with Session(here.engine) as session:
        undone = [bool(sitting.undo) for sitting in session.exec(select(PracticeSession))]
        card = session.exec(select(Card)).one()
        # Only the session whose rating the card holds may put the card back.
        assert undone.count(True) == 1
        [sitting] = [row for row in session.exec(select(PracticeSession)) if row.undo]
        assert sitting.undo is not None
        rated = session.get_one(Review, sitting.undo["review"]).reviewed_at
        assert rated == card.last_review


def test_a_follow_up_asked_elsewhere_finds_its_place(desks: tuple[Desk, Desk]) -> None:
    here, there = desks
    here.begin("mock")
    take(there.engine, exported(here.engine))
    there.give_answer(0)
    take(here.engine, exported(there.engine))
    assert here.state() == there.state()
    positions = [position for position, _, _ in here.state()[0]]
    assert positions == list(range(3))


def test_the_documentation_names_every_list_and_column() -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    for name, row in document.ROWS.items():
        [columns] = re.findall(rf"^\| `{name}` \| (.*) \|$", page, re.MULTILINE)
        assert re.findall(r"`(\w+)`", columns) == list(row.model_fields), name
    for field in (*document.Heart.model_fields, *document.LearnerRow.model_fields):
        assert f"`{field}`" in page, field
