"""A copy of a database in use is whole, and takes no other file's place."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import Session, select

from app import backup, db
from app.tables import LOCAL_LEARNER, Answer


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/attend.db"
    db.migrate(db.connect(url))
    return url


def test_a_copy_made_while_somebody_writes_is_a_moment_of_it(url: str, tmp_path: Path) -> None:
    engine = db.connect(url)
    stopped = threading.Event()

    def write() -> None:
        number = 0
        while not stopped.is_set():
            with Session(engine) as session:  # always two at once
                for half in "ab":
                    session.add(
                        Answer(
                            learner_id=LOCAL_LEARNER,
                            slug="s",
                            text="x" * 5000,
                            submission=f"{number}{half}",
                        )
                    )
                session.commit()
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            assert backup.copy(url, tmp_path / f"{number}.db") > 0
    finally:
        stopped.set()
        writer.join()
    for number in range(3):
        path = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(path)) as copied:
            [(count,)] = copied.execute("SELECT count(*) FROM answer").fetchall()
            assert count % 2 == 0
        assert sorted(file.name for file in tmp_path.glob(f"{number}.db*")) == [path.name]


def test_a_copy_is_a_database_to_go_on_with(url: str, tmp_path: Path) -> None:
    with Session(db.connect(url)) as session:
        session.add(Answer(learner_id=LOCAL_LEARNER, slug="s", text="kept", submission="1"))
        session.commit()
    backup.copy(url, tmp_path / "copy.db")
    engine = db.connect(f"sqlite:///{tmp_path}/copy.db")
    db.migrate(engine)
    with Session(engine) as session:
        assert [row.text for row in session.exec(select(Answer))] == ["kept"]


def test_no_file_is_overwritten_and_none_left_half_done(url: str, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    with pytest.raises(backup.BackupError, match="there already"):
        backup.copy(url, path)
    assert path.read_text() == "precious"
    with pytest.raises(backup.BackupError, match="cannot be written"):
        backup.copy(url, tmp_path / "nowhere" / "copy.db")
    assert not list(tmp_path.glob("*unfinished*"))


@pytest.mark.parametrize(
    ("url", "part"),
    [("postgresql://h/d", "pg_dump"), ("sqlite:///nowhere.db", "no database"), ("sqlite://", "no")],
)
def test_what_cannot_be_copied_is_refused(url: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(backup.BackupError, match=part):
        backup.copy(url, tmp_path / "copy.db")
