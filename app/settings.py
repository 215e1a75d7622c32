"""Settings, read once from the environment: every field is `ATTEND_<NAME>`."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


def _data_home() -> Path:
    """Where this user's programs keep their data (XDG Base Directory)."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


class Settings(BaseSettings):
    """What a person who runs Attend may choose."""

    model_config = SettingsConfigDict(env_prefix="ATTEND_", frozen=True)

    data_dir: Path = Field(default_factory=lambda: _data_home() / "attend")
    database_url: str = ""
    questions_dir: Path = ROOT / "questions"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    # Names by which this server may be called; a request for any other is refused.
    allowed_hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    # Labs that compute at the same time; the others wait their turn.
    lab_workers: int = Field(default=2, ge=1, le=64)

    @property
    def database(self) -> str:
        """The SQLAlchemy URL: the one given, or a SQLite file in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir / 'attend.db'}"
