"""The database: migrations and tables agree, SQLite is safe, a restart changes nothing."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import StatementError
from sqlmodel import Session, SQLModel, select

from app import db
from app.tables import LOCAL_LEARNER, Answer, Learner, Verdict


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/new/attend.db"


def test_the_migrations_make_what_the_tables_say(url: str) -> None:
    engine = db.connect(url)
    db.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_every_table_but_the_learners_own_says_whose_row_it_is(url: str) -> None:
    engine = db.connect(url)
    db.migrate(engine)
    tables = set(inspect(engine).get_table_names()) - {"alembic_version", "learner"}
    assert tables
    for table in tables:
        columns = {column["name"]: column for column in inspect(engine).get_columns(table)}
        assert not columns["learner_id"]["nullable"], table


def test_migrating_again_keeps_what_is_there(url: str) -> None:
    engine = db.connect(url)
    db.migrate(engine)
    with Session(engine) as session:
        session.add(Answer(learner_id=LOCAL_LEARNER, slug="s", text="kept", submission="1"))
        session.commit()
    db.migrate(db.connect(url))
    with Session(engine) as session:
        assert [row.text for row in session.exec(select(Answer))] == ["kept"]
        assert [row.id for row in session.exec(select(Learner))] == [LOCAL_LEARNER]


def test_an_older_database_keeps_its_answers_and_verdicts(url: str) -> None:
    engine = db.connect(url)
    db.migrate(engine, "0002")
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO answer VALUES (1, 1, 's', 'kept', NULL, 60, 'key', '2026-01-01 00:00:00')",
            "INSERT INTO verdict VALUES (1, 1, 1, 'p', 'made', NULL, NULL, 'self', '1', "
            "'2026-01-01 00:00:00')",
        ):
            connection.execute(text(statement))
    db.migrate(engine)
    with Session(engine) as session:
        answer = session.exec(select(Answer)).one()
        assert (answer.text, answer.zone, answer.point_id) == ("kept", "UTC", None)
        assert session.exec(select(Verdict)).one().answer_id == answer.id


def test_sqlite_logs_ahead_and_checks_foreign_keys(url: str) -> None:
    engine = db.connect(url)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_a_moment_comes_back_in_utc_from_any_zone(url: str) -> None:
    engine = db.connect(url)
    db.migrate(engine)
    noon = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=5)))
    with Session(engine) as session:
        session.add(Answer(learner_id=1, slug="s", text="t", submission="1", created_at=noon))
        session.commit()
    with Session(engine) as session:
        found = session.exec(select(Answer)).one().created_at
    assert found == noon
    assert found.tzinfo == UTC


def test_a_moment_without_a_zone_is_refused(url: str) -> None:
    engine = db.connect(url)
    db.migrate(engine)
    naive = datetime(2026, 11, 22)
    with Session(engine) as session:
        session.add(Answer(learner_id=1, slug="s", text="t", submission="1", created_at=naive))
        with pytest.raises(StatementError, match="time zone"):
            session.commit()
