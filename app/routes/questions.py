"""The bank's pages and their JSON: list, question, draft, explanation."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from app import practice, progress
from app.db import SessionDep
from app.practice import DraftForm
from app.question import DECKS, DIFFICULTIES, TOPICS, Deck, Difficulty, Question, Topic
from app.routes.answers import form_page, summarise
from app.routes.depends import BankDep, LearnerDep, OrNone, QuestionDep, page
from app.tables import Draft

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
        practised=progress.practised_counts(session, learner),
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
    practised = progress.practised_counts(session, learner)
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
def read_draft(question: QuestionDep, session: SessionDep, learner: LearnerDep) -> dict[str, Any]:
    """What is typed and not submitted; revision 0 where there is nothing."""
    return _typed(practice.find_draft(session, learner, question.slug))


@router.put("/api/questions/{slug}/draft", tags=["drafts"])
def save_draft(
    question: QuestionDep, form: DraftForm, session: SessionDep, learner: LearnerDep
) -> Response:
    """Keep a draft. 409, with the draft that is stored, where another tab saved in between."""
    try:
        draft = practice.save_draft(session, learner, question.slug, form)
    except practice.Conflict as conflict:
        detail = "This question's draft was changed in another tab. Your text here is untouched."
        return JSONResponse(_typed(conflict.draft) | {"detail": detail}, 409)
    return JSONResponse({"revision": draft.revision})


def _typed(draft: Draft | None) -> dict[str, Any]:
    return {"text": draft.text if draft else "", "revision": draft.revision if draft else 0}


def _brief(question: Question) -> dict[str, Any]:
    return question.model_dump(
        include={"slug", "title", "deck", "number", "topic", "difficulty", "minutes"}
    )
