"""Answers: submitted and graded, shown with the explanation, marked point by point."""

import re
from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import APIRouter, Form, HTTPException, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from app import drafts, practice, quotes, wordings
from app.db import SessionDep
from app.errors import sentence
from app.labs import LABS
from app.marking import Grader, Marker
from app.practice import ANSWER_LIMIT, AnswerForm
from app.question import Point, Question
from app.routes.depends import (
    AnswerDep,
    BankDep,
    CandidateDep,
    GraderDep,
    LearnerDep,
    QuestionDep,
    SentDep,
    page,
)
from app.routes.labs import address
from app.tables import Answer, Draft, Mark, Note, Star, Verdict

router = APIRouter()
MARKS: tuple[Mark, ...] = ("made", "missing", "contradicted")
OWN_PATH = re.compile(r"(/[A-Za-z0-9-]+)+")
JUDGED = ("confidence", "quote", "start", "reason", "grader", "grader_version")


class MarksForm(BaseModel):
    """The candidate's own verdicts by point id."""

    model_config = ConfigDict(extra="forbid")

    verdicts: dict[str, Mark]


def form_page(
    request: Request,
    question: Question,
    session: Session,
    learner: int,
    *,
    typed: str | None = None,
    fault: str = "",
) -> Response:
    """The page on which `question` is answered; `typed` is what a refused form held."""
    draft = drafts.find(session, Draft, learner, question.slug)
    answers = practice.history(session, learner, question.slug)
    bank = request.app.state.bank
    return page(
        request,
        "questions/show.html",
        status_code=422 if fault else 200,
        question=question,
        text=typed if typed is not None else draft.text if draft else "",
        revision=draft.revision if draft else 0,
        seconds=draft.seconds if draft else 0,
        **margin(session, learner, question.slug),
        fault=fault,
        limit=ANSWER_LIMIT,
        submission=uuid4().hex,
        answers=answers,
        verdicts=practice.verdicts(session, answers),
        wordings=wordings.of(session, learner, question.slug),
        previous=bank.before(question.slug),
        following=bank.after(question.slug),
    )


@router.post("/questions/{slug}/answers", include_in_schema=False)
def submit_form(
    request: Request,
    question: QuestionDep,
    session: SessionDep,
    learner: LearnerDep,
    grader: GraderDep,
    candidate: CandidateDep,
    text: Annotated[str, Form()] = "",
    submission: Annotated[str, Form()] = "",
    seconds: Annotated[str, Form()] = "",
    revision: Annotated[str, Form()] = "0",
) -> Response:
    """The form's way in: whatever is wrong with it, the page comes back with the text in it."""
    fields = {
        "text": text,
        "submission": submission or None,
        "seconds": seconds or None,
        "revision": revision or 0,
    }
    try:
        form = AnswerForm.model_validate(fields)
    except ValidationError as error:
        fault = sentence(error.errors())
        return form_page(request, question, session, learner, typed=text, fault=fault)
    answer = practice.submit(session, learner, question, form, zone=candidate.zone, grader=grader)
    return RedirectResponse(f"/questions/{question.slug}/answers/{answer.id}", 303)


@router.get("/questions/{slug}/answers/{answer_id}", include_in_schema=False)
def show(
    request: Request,
    question: QuestionDep,
    answer: AnswerDep,
    bank: BankDep,
    session: SessionDep,
    grader: GraderDep,
) -> Response:
    _belongs(answer, question)
    context = marked(session, question, answer, grader)
    return page(
        request,
        "questions/answer.html",
        question=question,
        bank=bank,
        illustration=illustration(question, context["verdicts"]),
        previous=bank.before(question.slug),
        following=bank.after(question.slug),
        **context,
    )


def marked(
    session: Session, question: Question, answer: Answer, grader: Grader | None
) -> dict[str, Any]:
    """What `questions/_given.html` and `questions/_points.html` show of an answer."""
    said = practice.opinions(session, answer)
    points = practice.asked_points(question, answer.point_id)
    verdicts = {point: rows[-1] for point, rows in said.items()}
    return {
        "answer": answer,
        "points": points,
        "marks": MARKS,
        "said": said,
        "verdicts": verdicts,
        "mistakes": grader.name_mistakes(points, verdicts) if isinstance(grader, Marker) else {},
        "sentences": quotes.sentences(answer.text),
        "wordings": wordings.of(session, answer.learner_id, question.slug),
        "grader": grader,
    }


@router.post("/questions/{slug}/answers/{answer_id}/verdicts", include_in_schema=False)
def mark_form(
    question: QuestionDep,
    answer: AnswerDep,
    session: SessionDep,
    sent: SentDep,
) -> Response:
    _belongs(answer, question)
    try:
        form = MarksForm.model_validate({"verdicts": sent})
    except ValidationError as error:
        raise HTTPException(422, sentence(error.errors())) from error
    _mark(session, answer, question, form)
    return RedirectResponse(f"/questions/{question.slug}/answers/{answer.id}#points", 303)


@router.post("/questions/{slug}/answers/{answer_id}/grade", include_in_schema=False)
def grade_form(
    request: Request,
    question: QuestionDep,
    answer: AnswerDep,
    session: SessionDep,
    grader: GraderDep,
    back: Annotated[str, Form()] = "",
) -> Response:
    """Grade again what was not marked, or was by another grader."""
    _belongs(answer, question)
    _grade(session, answer, question, grader)
    here = f"/questions/{question.slug}/answers/{answer.id}"
    return RedirectResponse(f"{own_page(back) or here}#points", 303)


@router.post("/api/questions/{slug}/answers", status_code=201, tags=["answers"])
def submit(
    question: QuestionDep,
    form: AnswerForm,
    session: SessionDep,
    learner: LearnerDep,
    grader: GraderDep,
    candidate: CandidateDep,
) -> dict[str, Any]:
    """Keep an answer and grade it. What no grader could tell is "unsure", with the reason."""
    answer = practice.submit(session, learner, question, form, zone=candidate.zone, grader=grader)
    return summarise(answer, question, practice.verdicts(session, [answer]))


@router.get("/api/questions/{slug}/answers", tags=["answers"])
def list_answers(
    question: QuestionDep, session: SessionDep, learner: LearnerDep
) -> list[dict[str, Any]]:
    """The question's history, newest first."""
    answers = practice.history(session, learner, question.slug)
    verdicts = practice.verdicts(session, answers)
    return [summarise(answer, question, verdicts) for answer in answers]


@router.post("/api/questions/{slug}/answers/{answer_id}/verdicts", tags=["answers"])
def mark(
    question: QuestionDep, answer: AnswerDep, form: MarksForm, session: SessionDep
) -> dict[str, Any]:
    """Keep the candidate's own verdicts; those of points left out stay as they are."""
    _belongs(answer, question)
    _mark(session, answer, question, form)
    return summarise(answer, question, practice.verdicts(session, [answer]))


@router.post("/api/questions/{slug}/answers/{answer_id}/grade", tags=["answers"])
def grade(
    question: QuestionDep, answer: AnswerDep, session: SessionDep, grader: GraderDep
) -> dict[str, Any]:
    """Grade an answer again. Points that the candidate has settled stay as they are."""
    _belongs(answer, question)
    _grade(session, answer, question, grader)
    return summarise(answer, question, practice.verdicts(session, [answer]))


def summarise(
    answer: Answer, question: Question, verdicts: dict[int, dict[str, Verdict]]
) -> dict[str, Any]:
    """An answer with a verdict for each point of its question, as JSON."""
    given = verdicts[cast(int, answer.id)]
    return answer.model_dump(
        mode="json", include={"id", "slug", "text", "confidence", "seconds", "created_at"}
    ) | {
        "verdicts": [
            _verdict(point, given.get(point.id))
            for point in practice.asked_points(question, answer.point_id)
        ]
    }


def _verdict(point: Point, verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"id": point.id, "verdict": "unsure"} | dict.fromkeys(JUDGED)
    return {"id": point.id, "verdict": verdict.verdict} | verdict.model_dump(include=set(JUDGED))


def _mark(session: Session, answer: Answer, question: Question, form: MarksForm) -> None:
    try:
        practice.mark(session, answer, question, form.verdicts)
    except ValueError as error:
        raise HTTPException(422, f"{str(error).capitalize()}.") from error


def _grade(session: Session, answer: Answer, question: Question, grader: Grader | None) -> None:
    if grader is None:
        raise HTTPException(409, "This server has no grader: mark the points yourself.")
    if not practice.grade_again(session, answer, question, grader):
        raise HTTPException(
            503, "The grader gave no verdicts. Your answer is kept, unmarked; try again later."
        )


def own_page(address: str) -> str:
    """`address` if it is the path of a page here, else nothing: no way out to another site."""
    return address if OWN_PATH.fullmatch(address) else ""


def _belongs(answer: Answer, question: Question) -> None:
    if answer.slug != question.slug:
        raise HTTPException(404, "There is no answer at this address.")


def illustration(question: Question, verdicts: dict[str, Verdict]) -> tuple[str, str] | None:
    """The lab to show, as its address and why: that of the first point not made, else the first."""
    for point in question.points:
        verdict = verdicts.get(point.id)
        if verdict is None or verdict.verdict not in ("missing", "contradicted"):
            continue
        if shown := lab_of(point):
            said = "You left out" if verdict.verdict == "missing" else "You said the opposite of"
            return shown, f"{said}: {point.text}"
    name = next((name for name in question.labs if name in LABS), None)
    return (address(name, {}), "") if name else None


def lab_of(point: Point) -> str | None:
    """The address of the lab that shows the point, where one is built."""
    if point.lab is None or point.lab.name not in LABS:
        return None
    return address(point.lab.name, point.lab.params)


def margin(session: Session, learner: int, slug: str) -> dict[str, Any]:
    """What a learner has put beside a question: the star and the note."""
    return {
        "starred": session.get(Star, (learner, slug)) is not None,
        "note": drafts.find(session, Note, learner, slug),
    }
