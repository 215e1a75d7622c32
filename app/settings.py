"""Settings, read once from the environment: every field is `ATTEND_<NAME>`."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


def _data_home() -> Path:
    """Where this user's programs keep their data (XDG Base Directory)."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


class Settings(BaseSettings):
    """What a person who runs Attend may choose."""

    model_config = SettingsConfigDict(
        env_prefix="ATTEND_",
        frozen=True,
        hide_input_in_errors=True,  # one of them is a key
    )

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

    # A language model that judges, at an OpenAI-compatible endpoint: ".../v1".
    judge_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    judge_model: str = ""
    judge_key: SecretStr = SecretStr("")
    judge_timeout: float = Field(default=30, gt=0, le=600)  # seconds for one question
    # What marks answers: our classifier, the judge, or the candidate alone.
    grader: Literal["pairs", "judge", "self"] = "pairs"
    # Answers that are graded at the same time; the others wait their turn.
    grader_workers: int = Field(default=2, ge=1, le=64)

    @field_validator("judge_key")
    @classmethod
    def can_be_sent(cls, key: SecretStr) -> SecretStr:
        """A key that no HTTP header can hold would be quoted by whoever refuses it: not by us."""
        text = key.get_secret_value().strip()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("the key holds characters that cannot be sent")
        return SecretStr(text)

    @field_validator("grader")
    @classmethod
    def has_what_it_needs(cls, grader: str, info: ValidationInfo) -> str:
        if grader == "judge" and not (info.data.get("judge_url") and info.data.get("judge_model")):
            raise ValueError("a judge needs ATTEND_JUDGE_URL and ATTEND_JUDGE_MODEL")
        return grader

    @property
    def database(self) -> str:
        """The SQLAlchemy URL: the one given, or a SQLite file in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir / 'attend.db'}"
