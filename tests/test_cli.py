"""The `attend` command: what it prints, and how it refuses to start."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import db
from app.bank import Bank
from app.cli import app
from app.labs import LABS
from app.settings import Settings
from tests.conftest import question_file
from tests.histories import lived

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


@pytest.fixture
def there(questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the commands will find, of a machine on which nobody practised."""
    monkeypatch.setenv("ATTEND_QUESTIONS_DIR", str(questions))
    monkeypatch.setenv("ATTEND_DATA_DIR", str(tmp_path / "there"))
    monkeypatch.delenv("ATTEND_DATABASE_URL", raising=False)
    return Settings()


def test_data_moves_from_shell_to_shell(
    there: Settings, small: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = db.connect(there.database)
    db.migrate(engine)
    lived(3, 10, small, engine)
    file = tmp_path / "export.json"
    assert CLI.invoke(app, ["export", str(file)]).exit_code == 0
    again = CLI.invoke(app, ["export", str(file)])
    assert again.exit_code == 1
    assert "cannot be written" in again.stderr
    printed = CLI.invoke(app, ["export", "-"])
    rows = json.loads(file.read_text())
    assert json.loads(printed.stdout)["answer"] == rows["answer"]
    monkeypatch.setenv("ATTEND_DATA_DIR", str(tmp_path / "elsewhere"))
    taken = CLI.invoke(app, ["import", "-"], input=file.read_text())
    assert taken.exit_code == 0, taken.stderr
    assert f"{len(rows['answer'])} answer" in taken.output
    assert "added: nothing" in CLI.invoke(app, ["import", str(file)]).output
    copy = tmp_path / "copy.db"
    assert CLI.invoke(app, ["backup", str(copy)]).exit_code == 0
    assert copy.stat().st_size > 0


def test_the_shell_refuses_with_a_sentence(there: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for arguments, part in (
        (["export", str(tmp_path / "x.json")], "there is no database"),
        (["import", str(broken)], "cut short"),
        (["import", str(tmp_path / "nowhere.json")], "cannot be read"),
        (["backup", str(tmp_path / "x.db")], "there is no database"),
        (["deck", str(tmp_path / "nowhere")], "cannot be read"),
    ):
        result = CLI.invoke(app, arguments)
        assert result.exit_code == 1
        assert part in result.stderr
        assert "Traceback" not in result.stderr
    assert not (tmp_path / "there" / "attend.db").exists()


def test_a_folder_becomes_a_deck_of_ones_own(there: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "My Deck"
    folder.mkdir()
    (folder / "01-what-is-mine.md").write_text(question_file("Mine, is it?", "easy", "why-scale"))
    result = CLI.invoke(app, ["deck", str(folder)])
    assert result.output == "my-deck: 1 questions\n"
    assert "--replace" in CLI.invoke(app, ["deck", str(folder)]).stderr
    assert CLI.invoke(app, ["deck", str(folder), "--replace"]).exit_code == 0
    assert (there.data_dir / "decks" / "my-deck" / "01-what-is-mine.md").exists()
