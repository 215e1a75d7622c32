"""The `attend` command: serve, check, grade, run the labs, train; data out, in and copied."""

import gc
import json
import sys
import time
from pathlib import Path
from socket import socket
from typing import Annotated, Any, NoReturn

import torch
import typer
import uvicorn
from pydantic import ValidationError
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from app import backup, bank, db, decks, document, intake, labs, shelf, transfer
from app.bank import Bank, BankError
from app.decks import DeckError
from app.document import DocumentError
from app.grading import Grader
from app.lines import grade_lines
from app.main import create_app
from app.question import DECKS
from app.settings import Settings
from app.tables import LOCAL_LEARNER
from model import train as training
from model.checkpoint import CheckpointError, Models
from model.pretrained import PretrainedError
from model.tasks import tasks

app = typer.Typer(
    help="Practise Transformer theory and see each answer be true.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The port.")] = None,
) -> None:
    """Serve Attend on this machine, the database brought up to date first."""
    settings = _settings()
    try:
        application = create_app(settings)
    except bank.BankError as error:
        _refuse(error)
    except OSError as error:
        _refuse(f"the data directory {settings.data_dir} cannot be used: {error.strerror}")
    except SQLAlchemyError as error:
        _refuse(f"the database {settings.database} cannot be used: {error}")
    config = uvicorn.Config(
        application,
        host=host or settings.host,
        port=port or settings.port,
        log_level="warning",
        server_header=False,
    )
    _Server(config).run()


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder of questions; the bank's own if left out.")
    ] = None,
) -> None:
    """Validate every question file and print what the bank holds."""
    try:
        loaded = bank.load(folder or _settings().questions_dir, labs.check)
    except bank.BankError as error:
        _refuse(error)
    typer.echo(_table(loaded))


@app.command("labs")
def run_labs() -> None:
    """Run every lab at its defaults and print what it took and which checks held."""
    torch.set_num_threads(1)  # as the server does
    models = Models(device=_settings().device)
    typer.echo(f"{'lab':26}{'first ms':>9}{'again ms':>9}{'bytes':>10}  checks held")
    for lab in labs.LABS.values():
        took = []
        for _ in range(2):  # the first run may have to read a model's weights
            start = time.perf_counter()
            run = lab.illustrate(lab.params(), models)
            took.append(1000 * (time.perf_counter() - start))
        size = sum(len(figure.to_json()) for figure in run.figures) + len(json.dumps(run.data))
        held = sum(check.holds for check in run.checks)
        typer.echo(
            f"{lab.name:26}{took[0]:9.0f}{took[1]:9.0f}{size:10,}  {held} of {len(run.checks)}"
        )


@app.command()
def train(
    names: Annotated[list[str] | None, typer.Argument(help="Models; all if left out.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Fewer steps than it should be.")] = None,
) -> None:
    """Train models from scratch, or go on where a stopped training was; prints the figures."""
    for name in names or list(tasks()):
        try:
            settings: dict[str, Any] = {} if steps is None else {"steps": steps}
            report = training.train(name, device=_settings().device, **settings)
        except ValueError as error:
            _refuse(error)
        typer.echo(f"{name}: {json.dumps(report['figures'], indent=1, ensure_ascii=False)}")


@app.command()
def grade() -> None:
    """Grade answers: JSON lines in, verdicts as JSON lines out (see docs/grader.md)."""
    settings = _settings()

    def load_bank() -> Bank:
        try:
            return bank.load(settings.questions_dir, labs.check)
        except bank.BankError as error:
            _refuse(error)

    try:
        grader = Grader(Models(device=settings.device))
        for line in grade_lines(sys.stdin.buffer, grader, load_bank):
            typer.echo(line)
    except (CheckpointError, PretrainedError) as error:
        _refuse(error)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to; - for standard output.")],
) -> None:
    """Write everything of yours into one JSON file (docs/data.md); never over another file."""
    settings = _settings()
    own = decks.texts(shelf.folder(settings))
    with Session(_database(settings, must_exist=True)) as session:
        pieces = transfer.export(session, LOCAL_LEARNER, own)
        if str(file) == "-":
            sys.stdout.writelines(pieces)
            return
        try:
            with file.open("x", encoding="utf-8") as opened:
                opened.writelines(pieces)
        except OSError as error:
            _refuse(f"{file} cannot be written: {error.strerror}")
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="An export; - for standard input.")],
) -> None:
    """Take in an export: what is not here yet is added, the rest stays. All of it or nothing."""
    settings = _settings()
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        read = document.read(data)
        shipped = bank.load(settings.questions_dir, labs.check)
        coming = shelf.missing(settings, shipped, read.decks)
        with Session(_database(settings)) as session:
            report = intake.take_in(session, LOCAL_LEARNER, read)
        shelf.keep(settings, coming)
    except OSError as error:
        _refuse(f"{file} cannot be read: {error.strerror}")
    except (DocumentError, DeckError, BankError) as error:
        _refuse(error)
    for word, counts in (("added", report.added), ("changed", report.changed)):
        rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        typer.echo(f"{word}: {rows or 'nothing'}")
    for name in coming:
        typer.echo(f"added: the deck {name}")


@app.command("backup")
def back_up(file: Annotated[Path, typer.Argument(help="A file that is not there yet.")]) -> None:
    """Copy the SQLite database while it is in use, consistently."""
    try:
        size = backup.copy(_settings().database, file)
    except backup.BackupError as error:
        _refuse(error)
    typer.echo(f"{file}: {size:,} bytes")


@app.command("deck")
def add_deck(
    path: Annotated[Path, typer.Argument(help="A folder or a zip of question files.")],
    name: Annotated[str, typer.Option(help="The deck's name; the folder's if left out.")] = "",
    replace: Annotated[bool, typer.Option(help="Take the place of a deck of that name.")] = False,
) -> None:
    """Add a deck of your own questions; an app that runs shows it after its next start."""
    settings = _settings()
    name = name or decks.name_from(str(path.resolve()).removesuffix(".zip"))
    root = shelf.folder(settings)
    try:
        shipped = bank.load(settings.questions_dir, labs.check)
        own = decks.load(root, shipped, labs.check)
        if not replace and any(deck.name == name for deck in own):
            raise DeckError(f"there is a deck {name} already: --replace, or give another --name")
        files = decks.gather(path)
        questions = shelf.check(own, shipped, name, files)
        decks.keep(root, name, files)
    except (DeckError, BankError) as error:
        _refuse(error)
    typer.echo(f"{name}: {len(questions)} questions")


class _Server(uvicorn.Server):
    """Says where it is once it is there, and not before."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is loaded stays: without this a full collection goes through all of torch and
            # plotly, up to 0.4 s in the middle of some request that makes many objects.
            gc.freeze()
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            typer.echo(f"Attend is at http://{host}:{self.config.port} (Ctrl+C stops it)")


def _table(questions: Bank) -> str:
    """A row for each deck: what it holds, and what is still to come."""
    rows: list[tuple[str, ...]] = [
        ("deck", "questions", "points", "says", "denies", "words", "labs to come")
    ]
    for deck in DECKS:
        held = questions.select(deck=deck)
        if deck == "own" and not held:
            continue
        points = [point for question in held for point in question.points]
        linked = {lab for question in held for lab in question.labs}
        linked |= {point.lab.name for point in points if point.lab}
        counts = (
            len(held),
            len(points),
            sum(len(point.says) for point in points),
            sum(len(point.denies) for point in points),
            sum(len(text.split()) for question in held for text in question.sections.values()),
            len(linked & labs.PLANNED),
        )
        rows.append((deck, *(f"{count:,}" for count in counts)))
    return "\n".join(f"{row[0]:10}" + "".join(f"{cell:>13}" for cell in row[1:]) for row in rows)


def _database(settings: Settings, *, must_exist: bool = False) -> Engine:
    """The database, brought up to date; a refusal where it cannot be used."""
    url = make_url(settings.database)
    if must_exist and url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        _refuse(f"there is no database at {url.database}")
    try:
        engine = db.connect(settings.database)
        db.migrate(engine)
    except OSError as error:
        _refuse(f"the data directory {settings.data_dir} cannot be used: {error.strerror}")
    except SQLAlchemyError as error:
        _refuse(f"the database {settings.database} cannot be used: {error}")
    return engine


def _settings() -> Settings:
    """The settings, or a refusal that names the variable at fault."""
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        _refuse(f"ATTEND_{str(fault['loc'][0]).upper()}: {fault['msg']}")


def _refuse(reason: Exception | str) -> NoReturn:
    typer.echo(f"attend: {reason}", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
