"""The database: an engine set up for its dialect, brought to the newest schema by Alembic."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from alembic import command
from alembic.config import Config
from fastapi import Depends, Request
from sqlalchemy import Engine, create_engine, event, make_url
from sqlmodel import Session

MIGRATIONS = Path(__file__).parent / "migrations"


def connect(url: str) -> Engine:
    """An engine for `url`. A SQLite file's folder is made, and the file kept in WAL mode."""
    parsed = make_url(url)
    engine = create_engine(parsed)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL: a commit is on the disk before the candidate is told so.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 5000")
    # Deleted text is overwritten at once; some builds of SQLite do so by themselves, some not.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to `revision`; there already, change nothing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def hold_still(session: Session, *, writing: bool = False) -> None:
    """Let a session that has asked nothing yet see the database as it is at this moment.

    With `writing` it is also the only one that writes until it commits.
    """
    if session.get_bind().dialect.name == "sqlite":
        # Python's sqlite3 begins a transaction at the first change, not at the first question.
        session.connection().exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
    else:
        level = "SERIALIZABLE" if writing else "REPEATABLE READ"
        session.connection(execution_options={"isolation_level": level})


def _session(request: Request) -> Iterator[Session]:
    with Session(request.app.state.engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(_session)]
