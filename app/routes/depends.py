"""What routes ask for by type: the learner, the bank, a question, a lab, and pages."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from app import days, labs, practice, sessions
from app.bank import Bank
from app.db import SessionDep
from app.labs.illustration import Lab
from app.marking import Grader
from app.question import Question
from app.tables import LOCAL_LEARNER, Answer, Learner, PracticeItem, PracticeSession, RowId


def _learner() -> int:
    return LOCAL_LEARNER


def _bank(request: Request) -> Bank:
    bank: Bank = request.app.state.bank
    return bank


def _zone(request: Request) -> str | None:
    name = request.cookies.get("zone", "")
    return name if name in days.ZONES else None


def _grader(request: Request) -> Grader | None:
    grader: Grader | None = request.app.state.grader
    return grader


LearnerDep = Annotated[int, Depends(_learner)]
# The IANA time zone that the browser says it is in, where it says so.
ZoneDep = Annotated[str | None, Depends(_zone)]
BankDep = Annotated[Bank, Depends(_bank)]
# What marks answers as they are submitted; none where candidates mark their own.
GraderDep = Annotated[Grader | None, Depends(_grader)]


def _candidate(
    request: Request, session: SessionDep, learner: LearnerDep, zone: ZoneDep
) -> Learner:
    """The learner's row; what they do, not what they look at, tells where they are."""
    candidate = session.get_one(Learner, learner)
    if zone and request.method != "GET" and zone != candidate.zone:
        candidate.zone = zone
        session.commit()
    return candidate


CandidateDep = Annotated[Learner, Depends(_candidate)]


def _question(slug: str, bank: BankDep) -> Question:
    if slug not in bank:
        raise HTTPException(404, "There is no question at this address.")
    return bank[slug]


QuestionDep = Annotated[Question, Depends(_question)]


def _point(question: QuestionDep, point: str = "") -> str | None:
    if point and question.point(point) is None:
        raise HTTPException(404, f"This question has no key point “{point}”.")
    return point or None


# A point of the question in the address, by its id in the query; none where it is left out.
PointDep = Annotated[str | None, Depends(_point)]


def _answer(answer_id: RowId, session: SessionDep, learner: LearnerDep) -> Answer:
    answer = practice.find_answer(session, learner, answer_id)
    if answer is None:
        raise HTTPException(404, "There is no answer at this address.")
    return answer


AnswerDep = Annotated[Answer, Depends(_answer)]


def _sitting(session_id: RowId, session: SessionDep, learner: LearnerDep) -> PracticeSession:
    sitting = sessions.find(session, learner, session_id)
    if sitting is None:
        raise HTTPException(404, "There is no practice session at this address.")
    return sitting


SittingDep = Annotated[PracticeSession, Depends(_sitting)]


def _lab(name: str) -> Lab:
    if name not in labs.LABS:
        raise HTTPException(404, "There is no lab at this address.")
    return labs.LABS[name]


LabDep = Annotated[Lab, Depends(_lab)]


def _item(position: int, sitting: SittingDep, session: SessionDep) -> PracticeItem:
    asked = sessions.items(session, sitting)
    if not 0 <= position < len(asked):
        raise HTTPException(404, "This session asks nothing at this address.")
    return asked[position]


ItemDep = Annotated[PracticeItem, Depends(_item)]


def _asked(item: ItemDep, bank: BankDep) -> Question:
    return the_question(item, bank)


AskedDep = Annotated[Question, Depends(_asked)]


def the_question(item: PracticeItem, bank: Bank) -> Question:
    if item.slug not in bank or (item.point_id and bank[item.slug].point(item.point_id) is None):
        raise HTTPException(410, "The bank no longer has the question that was asked here.")
    return bank[item.slug]


async def _sent(request: Request) -> dict[str, Any]:
    """The fields of a form that were filled in."""
    return {name: value for name, value in (await request.form()).items() if value != ""}


SentDep = Annotated[dict[str, Any], Depends(_sent)]


# A select left at "any" sends an empty string.
OrNone = BeforeValidator(lambda value: value or None)


def page(request: Request, template: str, status_code: int = 200, **context: Any) -> Response:
    response: Response = request.app.state.templates.TemplateResponse(
        request, template, context, status_code=status_code
    )
    return response
