"""The bank's pages and their JSON: list, question, draft, explanation."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import drafts, memory, practice, stars
from app.db import SessionDep
from app.drafts import DraftForm
from app.question import DECKS, DIFFICULTIES, TOPICS, Deck, Difficulty, Question, Topic
from app.routes.answers import form_page, summarise
from app.routes.depends import BankDep, LearnerDep, OrNone, PointDep, QuestionDep, page
from app.tables import Draft, Note

router = APIRouter()


class Filters(BaseModel):
    """What narrows the list of questions."""

    deck: Annotated[Deck | None, OrNone] = None
    topic: Annotated[Topic | None, OrNone] = None
    difficulty: Annotated[Difficulty | None, OrNone] = None
    q: Annotated[str, Query(max_length=200)] = ""


FiltersDep = Annotated[Filters, Query()]


@router.get("/questions", include_in_schema=False)
def index(
    request: Request,
    filters: FiltersDep,
    bank: BankDep,
    session: SessionDep,
    learner: LearnerDep,
) -> Response:
    return page(
        request,
        "questions/index.html",
        filters=filters,
        questions=bank.select(**filters.model_dump()),
        total=len(bank),
        practised=memory.practised(session, learner),
        decks=[deck for deck in DECKS if bank.select(deck=deck)],
        topics=TOPICS,
        difficulties=DIFFICULTIES,
    )


@router.get("/questions/print", include_in_schema=False)
def print_bank(request: Request, filters: FiltersDep, bank: BankDep) -> Response:
    """Every explained answer that the filters leave, on one page made for paper."""
    questions = bank.select(**filters.model_dump())
    return page(request, "questions/print.html", questions=questions)


@router.get("/questions/{slug}", include_in_schema=False)
def show(
    request: Request, question: QuestionDep, session: SessionDep, learner: LearnerDep
) -> Response:
    return form_page(request, question, session, learner)


@router.get("/questions/{slug}/explanation", include_in_schema=False)
def explanation(request: Request, question: QuestionDep, bank: BankDep) -> Response:
    return page(
        request,
        "questions/explanation.html",
        question=question,
        bank=bank,
        previous=bank.before(question.slug),
        following=bank.after(question.slug),
    )


@router.get("/api/questions", tags=["questions"])
def list_questions(
    filters: FiltersDep, bank: BankDep, session: SessionDep, learner: LearnerDep
) -> list[dict[str, Any]]:
    """The questions that match every filter given; `q` matches all its words."""
    practised = memory.practised(session, learner)
    return [
        _brief(question) | {"practised": practised.get(question.slug, 0)}
        for question in bank.select(**filters.model_dump())
    ]


@router.get("/api/questions/{slug}", tags=["questions"])
def read_question(
    question: QuestionDep, session: SessionDep, learner: LearnerDep
) -> dict[str, Any]:
    """One question with its rubric, its explained answer in Markdown, and its history."""
    answers = practice.history(session, learner, question.slug)
    verdicts = practice.verdicts(session, answers)
    return (
        _brief(question)
        | question.model_dump(include={"labs", "follow_ups", "sources", "sections"})
        | {
            "prompt": question.asks,
            "points": [
                point.model_dump(include={"id", "text", "essential", "weight", "hint", "lab"})
                for point in question.points
            ],
            "answers": [summarise(answer, question, verdicts) for answer in answers],
        }
    )


@router.get("/api/questions/{slug}/draft", tags=["drafts"])
def read_draft(
    question: QuestionDep, session: SessionDep, learner: LearnerDep, point: PointDep
) -> dict[str, Any]:
    """What is typed and not submitted; revision 0 where there is nothing."""
    return _typed(drafts.find(session, Draft, learner, drafts.key(question.slug, point)))


@router.put("/api/questions/{slug}/draft", tags=["drafts"])
def save_draft(
    question: QuestionDep,
    form: DraftForm,
    session: SessionDep,
    learner: LearnerDep,
    point: PointDep,
) -> Response:
    """Keep a draft. 409, with the draft that is stored, where another tab saved in between."""
    return _save(session, Draft, learner, drafts.key(question.slug, point), form)


@router.get("/api/questions/{slug}/note", tags=["notes"])
def read_note(question: QuestionDep, session: SessionDep, learner: LearnerDep) -> dict[str, Any]:
    """What the learner wrote beside the question; revision 0 where there is nothing."""
    return _typed(drafts.find(session, Note, learner, question.slug))


@router.put("/api/questions/{slug}/note", tags=["notes"])
def save_note(
    question: QuestionDep, form: DraftForm, session: SessionDep, learner: LearnerDep
) -> Response:
    """Keep a note. 409, with the note that is stored, where another tab saved in between."""
    return _save(session, Note, learner, question.slug, form)


@router.post("/questions/{slug}/note", include_in_schema=False)
def save_note_form(
    question: QuestionDep,
    session: SessionDep,
    learner: LearnerDep,
    text: Annotated[str, Form(max_length=drafts.LIMIT)] = "",
) -> Response:
    """The way without scripts: the newest text wins."""
    note = drafts.find(session, Note, learner, question.slug)
    form = DraftForm(text=text, revision=note.revision if note else 0)
    drafts.save(session, Note, learner, question.slug, form)
    return RedirectResponse(f"/questions/{question.slug}", 303)


@router.post("/questions/{slug}/star", include_in_schema=False)
def star(question: QuestionDep, session: SessionDep, learner: LearnerDep) -> Response:
    """Star the question, or take the star away."""
    stars.turn(session, learner, question.slug)
    return RedirectResponse(f"/questions/{question.slug}", 303)


@router.put("/api/questions/{slug}/star", status_code=204, tags=["notes"])
def set_star(question: QuestionDep, session: SessionDep, learner: LearnerDep) -> None:
    """Star the question; once more changes nothing."""
    stars.put(session, learner, question.slug)


@router.delete("/api/questions/{slug}/star", status_code=204, tags=["notes"])
def remove_star(question: QuestionDep, session: SessionDep, learner: LearnerDep) -> None:
    """Take the star away; once more changes nothing."""
    stars.remove(session, learner, question.slug)


def _save(
    session: Session, table: type[Draft] | type[Note], learner: int, slug: str, form: DraftForm
) -> Response:
    try:
        kept = drafts.save(session, table, learner, slug, form)
    except drafts.Conflict as conflict:
        detail = "This text was changed in another tab. What you see here is untouched."
        return JSONResponse(_typed(conflict.stored) | {"detail": detail}, 409)
    return JSONResponse({"revision": kept.revision})


def _typed(kept: Draft | Note | None) -> dict[str, Any]:
    return {"text": kept.text if kept else "", "revision": kept.revision if kept else 0}


def _brief(question: Question) -> dict[str, Any]:
    return question.model_dump(
        include={"slug", "title", "deck", "number", "topic", "difficulty", "minutes"}
    )
