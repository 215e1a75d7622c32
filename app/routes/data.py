"""Data that one owns: out as a file, in from one, and questions of one's own beside the bank."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, HTTPException, Query, Request, UploadFile
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response, StreamingResponse

from app import anki, decks, document, erasure, intake, memory, shelf, spreadsheet, transfer
from app.bank import Bank
from app.db import SessionDep
from app.decks import DeckError, OwnDeck
from app.document import DocumentError
from app.routes.depends import BankDep, LearnerDep, page
from app.tables import now

router = APIRouter()
JSON, CSV, APKG = "application/json", "text/csv; charset=utf-8", "application/octet-stream"


@router.get("/data", include_in_schema=False)
def show(
    request: Request,
    session: SessionDep,
    learner: LearnerDep,
    added: Annotated[int | None, Query()] = None,
    changed: Annotated[int | None, Query()] = None,
    deleted: Annotated[str, Query()] = "",
) -> Response:
    taken = None if added is None or changed is None else (added, changed)
    return _page(request, session, learner, taken=taken, deleted=deleted)


def _page(
    request: Request, session: Session, learner: int, status: int = 200, **context: Any
) -> Response:
    bank: Bank = request.app.state.bank
    histories = erasure.histories(session, learner)
    blank: dict[str, Any] = {"taken": None, "deleted": "", "fault": ""}
    blank |= {"deck_faults": (), "deck_name": ""}
    return page(
        request,
        "data/show.html",
        status_code=status,
        counts=intake.count(session, learner),
        histories={slug: histories[slug] for slug in bank if slug in histories},
        unknown=sorted(histories.keys() - bank.keys()),
        bank=bank,
        own=request.app.state.decks,
        **(blank | context),
    )


@router.get("/api/export", tags=["data"], response_class=StreamingResponse)
def export(request: Request, learner: LearnerDep) -> Response:
    """Everything of the learner as one JSON document; docs/data.md describes it."""
    state = request.app.state
    own = decks.texts(shelf.folder(state.settings))
    return _download(_document(state.engine, learner, own), "attend", "json", JSON)


def _document(engine: Engine, learner: int, own: transfer.Decks) -> Iterator[str]:
    with Session(engine) as session:
        yield from transfer.export(session, learner, own)


@router.get("/api/export/answers.csv", tags=["data"], response_class=StreamingResponse)
def export_answers(request: Request, learner: LearnerDep) -> Response:
    """Every answer as a row of CSV, with how its points fell."""
    state = request.app.state
    return _download(_rows(state.engine, learner, state.bank), "attend-answers", "csv", CSV)


def _rows(engine: Engine, learner: int, bank: Bank) -> Iterator[str]:
    with Session(engine) as session:
        yield from spreadsheet.answers(session, learner, bank)


@router.get("/api/export/questions.apkg", tags=["data"], response_class=Response)
def export_questions(bank: BankDep) -> Response:
    """Every question with its points, as a deck for Anki."""
    return _download(anki.questions(bank.values()), "attend-questions", "apkg", APKG)


@router.get("/api/export/missed.apkg", tags=["data"], response_class=Response)
def export_missed(bank: BankDep, session: SessionDep, learner: LearnerDep) -> Response:
    """The points last missed or contradicted, as a deck for Anki. 404 where there are none."""
    points = anki.find_missed(session, learner, bank)
    if not points:
        raise HTTPException(404, "No point was missed or contradicted last time.")
    return _download(anki.missed(points), "attend-missed", "apkg", APKG)


def _download(content: bytes | Iterator[str], name: str, suffix: str, media_type: str) -> Response:
    disposition = f'attachment; filename="{name}-{now():%Y-%m-%d}.{suffix}"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    if isinstance(content, bytes):
        return Response(content, media_type=media_type, headers=headers)
    return StreamingResponse(content, media_type=media_type, headers=headers)


async def _body(request: Request) -> bytes:
    return await request.body()


BODY = {"requestBody": {"content": {JSON: {"schema": {"type": "object"}}}, "required": True}}


@router.post("/api/import", tags=["data"], openapi_extra=BODY)
def take_in(
    request: Request, learner: LearnerDep, data: Annotated[bytes, Depends(_body)]
) -> dict[str, Any]:
    """Take in an export: how many rows were added and changed, by table. All of it or nothing."""
    try:
        report, added = _take_in(request, learner, data)
    except (DocumentError, DeckError) as error:
        raise HTTPException(422, str(error)) from error
    return {"added": report.added, "changed": report.changed, "decks": added}


@router.post("/data/import", include_in_schema=False)
def take_in_form(
    request: Request,
    session: SessionDep,
    learner: LearnerDep,
    file: Annotated[UploadFile, File()],
) -> Response:
    try:
        report, added = _take_in(request, learner, file.file.read())
    except (DocumentError, DeckError) as error:
        return _page(request, session, learner, 422, fault=str(error))
    rows = report.added.total() + len(added)
    return RedirectResponse(f"/data?added={rows}&changed={report.changed.total()}", 303)


def _take_in(request: Request, learner: int, data: bytes) -> tuple[intake.Report, list[str]]:
    """The rows, then the decks; what is wrong with either is known before anything is kept."""
    state = request.app.state
    read = document.read(data)
    with shelf.CHANGING, Session(state.engine) as session:
        keep = shelf.missing(state.settings, state.shipped, read.decks)
        report = intake.take_in(session, learner, read)
        shelf.keep(state.settings, keep)
        if keep:
            shelf.put_up(request.app)
    return report, sorted(keep)


@router.post("/data/decks", include_in_schema=False)
def add_deck(
    request: Request,
    session: SessionDep,
    learner: LearnerDep,
    files: Annotated[list[UploadFile], File()],
    name: Annotated[str, Form()] = "",
    replace: Annotated[str, Form()] = "",
) -> Response:
    """A zip, or question files one by one; without a name, the zip's own."""
    name = name.strip() or _name(files)
    try:
        shelf.add(request.app, name, _sent(files), is_replacing=replace == "yes")
    except DeckError as error:
        return _page(request, session, learner, 422, deck_faults=error.faults, deck_name=name)
    return RedirectResponse("/data#decks", 303)


def _sent(files: Sequence[UploadFile]) -> dict[str, bytes]:
    read = [(file.filename or "", file.file.read(decks.DECK_LIMIT + 1)) for file in files]
    zipped = [data for file_name, data in read if file_name.lower().endswith(".zip")]
    if zipped and len(read) > 1:
        raise DeckError("One zip, or the question files themselves, but not both.")
    return decks.unpack(zipped[0]) if zipped else decks.bounded(read)


def _name(files: Sequence[UploadFile]) -> str:
    """A deck's name from the zip's or the folder's, or `own`."""
    sent = files[0].filename or ""
    stem = sent.removesuffix(".zip") if sent.endswith(".zip") else sent.rpartition("/")[0]
    return decks.name_from(stem)


def _own(request: Request, name: str) -> OwnDeck:
    own: list[OwnDeck] = request.app.state.decks
    deck = next((deck for deck in own if deck.name == name), None)
    if deck is None:
        raise HTTPException(404, "There is no such deck of your own.")
    return deck


OwnDeckDep = Annotated[OwnDeck, Depends(_own)]


@router.get("/data/decks/{name}/remove", include_in_schema=False)
def ask_to_remove(
    request: Request, deck: OwnDeckDep, session: SessionDep, learner: LearnerDep
) -> Response:
    practised = memory.practised(session, learner)
    answers = sum(practised.get(question.slug, 0) for question in deck.questions)
    return page(request, "data/remove.html", deck=deck, answers=answers)


@router.post("/data/decks/{name}/remove", include_in_schema=False)
def remove_deck(request: Request, deck: OwnDeckDep) -> Response:
    shelf.remove(request.app, deck.name)
    return RedirectResponse("/data#decks", 303)
