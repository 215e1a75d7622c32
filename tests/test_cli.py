"""The `attend` command: what it prints, and how it refuses to start."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.labs import LABS
from app.settings import Settings

CLI = CliRunner()


def test_check_prints_what_the_bank_holds(questions: Path) -> None:
    result = CLI.invoke(app, ["check", str(questions)])
    assert result.exit_code == 0
    theory = next(line for line in result.output.splitlines() if line.startswith("theory"))
    assert theory.split()[:5] == ["theory", "2", "10", "50", "30"]


def test_labs_runs_every_lab_and_all_checks_hold_at_the_defaults() -> None:
    result = CLI.invoke(app, ["labs"])
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line.split()[-3:] for line in result.output.splitlines()[1:]}
    assert set(rows) == set(LABS)
    for name, (held, _, of) in rows.items():
        assert held == of, name


def test_a_model_that_is_not_there_cannot_be_trained() -> None:
    result = CLI.invoke(app, ["train", "oracle"])
    assert result.exit_code == 1
    assert "translator" in result.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_fault_in_a_file_stops_the_start_and_is_named(
    questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    path = questions / "theory" / "01-why-scale.md"
    path.write_text(path.read_text().replace("difficulty: medium", "difficulty: fiendish"))
    monkeypatch.setenv("ATTEND_QUESTIONS_DIR", str(questions))
    monkeypatch.setenv("ATTEND_DATA_DIR", str(tmp_path / "data"))
    result = CLI.invoke(app, [command])
    assert result.exit_code == 1
    assert "01-why-scale.md: difficulty" in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("ATTEND_PORT", "abc", "ATTEND_PORT: "),
        ("ATTEND_DEVICE", "abacus", "ATTEND_DEVICE: "),
        ("ATTEND_DATA_DIR", "/dev/null/data", "the data directory /dev/null/data"),
        ("ATTEND_DATABASE_URL", "sqlite:////dev/zero", "the database sqlite:////dev/zero"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, part: str
) -> None:
    monkeypatch.setenv("ATTEND_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(variable, value)
    result = CLI.invoke(app, ["serve"])
    assert result.exit_code == 1
    assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_settings_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTEND_PORT", "8123")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("ATTEND_DATA_DIR", raising=False)
    settings = Settings()
    assert settings.port == 8123
    assert settings.data_dir == tmp_path / "attend"
    assert settings.database == f"sqlite:///{tmp_path}/attend/attend.db"
