"""A consistent copy of a SQLite database that is in use, by SQLite's own backup interface."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url


class BackupError(Exception):
    """There can be no such copy; the message says why, and what to do instead."""


def copy(url: str, path: Path) -> int:
    """Copy the database at `url` to the new file `path`; its size in bytes. Raises BackupError."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise BackupError(
            f"a backup copies a SQLite file and this is {parsed.get_backend_name()}: use pg_dump"
        )
    source = Path(parsed.database or "")
    if not source.is_file():
        raise BackupError(f"there is no database at {source or 'that address'}")
    if path.exists():
        raise BackupError(f"{path} is there already: give another name")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with closing(sqlite3.connect(source)) as original, closing(_create(unfinished)) as copied:
            original.backup(copied)
            copied.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it
            [(verdict,)] = copied.execute("PRAGMA integrity_check").fetchall()
        if verdict != "ok":
            raise BackupError(f"the copy would be damaged: {verdict}")
        path.open("xb").close()  # a rename alone could take the place of another file
        unfinished.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{path} cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path.stat().st_size


def _create(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600, exist_ok=False)
    return sqlite3.connect(path)
