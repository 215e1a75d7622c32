"""What the project says of itself is held to what it is: README, Dockerfile, compose, lock."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI

from app.settings import ROOT, Settings

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def tracked() -> set[str]:
    """Every file of the project, tracked or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in listed.stdout.split("\n") if name and (ROOT / name).exists()}


def test_the_readmes_file_tree_is_the_projects() -> None:
    block = re.search(r"```tree\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    named = {line.split()[0].rstrip("/") for line in block[1].splitlines() if line.strip()}
    files = tracked()
    top = {name.split("/")[0] for name in files}
    assert {name for name in named if "/" not in name} == top
    folders = {str(Path(name).parent) for name in files if "/" in name}
    missing = {name for name in named if "/" in name and name not in files | folders}
    assert missing == set()
    modules = {name for name in files if re.fullmatch(r"(app|model)/\w+\.py", name)}
    assert {name for name in modules if not name.endswith("__init__.py")} <= named


def test_the_readmes_commands_are_words_of_the_makefile() -> None:
    words = set(re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= words <= targets


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in Settings.model_fields:
        assert f"ATTEND_{name.upper()}" in readme, name


def test_every_dependency_is_pinned_once() -> None:
    lines = (ROOT / "constraints.txt").read_text().split()
    pins = [line for line in lines if "==" in line]
    assert len(pins) == len(lines)
    names = [re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins]
    assert len(set(names)) == len(names)
    assert "torch==2.13.0" in pins
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    for dependency in (*project["dependencies"], *(name for extra in extras for name in extra)):
        name = re.split(r"[\[<>=; ]", dependency)[0]
        assert re.sub(r"[-_.]+", "-", name).lower() in names, dependency


def test_the_image_copies_what_exists_and_all_that_the_app_reads() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert all((ROOT / source).exists() for source in copied)
    assert {"app", "model", "questions", "templates", "static"} <= copied
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")
    }
    assert copied == let_in


def test_the_image_runs_as_nobody_special_and_keeps_its_data_in_a_volume() -> None:
    assert DOCKERFILE.index("USER attend") < DOCKERFILE.index("CMD [")
    environment = dict(re.findall(r"(ATTEND_\w+)=(\S+)", DOCKERFILE))
    assert f"VOLUME {environment['ATTEND_DATA_DIR']}" in DOCKERFILE
    assert f"chown attend {environment['ATTEND_DATA_DIR']}" in DOCKERFILE
    assert {name.removeprefix("ATTEND_").lower() for name in environment} <= set(
        Settings.model_fields
    )


def test_the_image_starts_and_checks_what_is_there(app: FastAPI) -> None:
    assert 'CMD ["attend", "serve"]' in DOCKERFILE
    assert PROJECT["project"]["scripts"]["attend"] == "app.cli:app"
    checked = re.search(r"127\.0\.0\.1:(\d+)(/\w+)'", DOCKERFILE)
    assert checked is not None
    assert int(checked[1]) == Settings.model_fields["port"].default
    assert app.url_path_for("check") == checked[2]
    assert f"EXPOSE {checked[1]}" in DOCKERFILE


def test_compose_publishes_to_this_machine_alone() -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["attend"]
    assert service["build"] == "."
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    [volume] = service["volumes"]
    assert volume.split(":")[1] == re.search(r"VOLUME (\S+)", DOCKERFILE)[1]  # type: ignore[index]


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "docs/data.md", "docs/log.md"])
def test_links_between_documents_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
        assert ((ROOT / name).parent / link).exists(), link


def test_no_commit_names_a_machine_or_a_registry() -> None:
    forbidden = re.compile(
        "|".join(("/wo" + "rk/", "/ro" + "ot/", "pythonho" + "sted", "npm" + "js", "jsdel" + "ivr"))
    )
    for name in tracked():
        path = ROOT / name
        if path.suffix in {".safetensors", ".woff2"}:
            continue
        assert not forbidden.search(path.read_text(encoding="utf-8")), name
