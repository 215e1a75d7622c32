"""The practice loop's verbs: submit an answer, grade it, mark its points.

Plain functions, the session first. Each commits what it changes before it returns,
so that what a candidate was shown as saved is on the disk.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, cast
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, desc, select

from app import drafts
from app.grading import PointVerdict
from app.marking import Grader, Opinion
from app.question import Point, Question
from app.quotes import Span, locate
from app.tables import Answer, Confidence, Draft, Mark, Revision, Verdict

ANSWER_LIMIT = 20_000  # characters
SELF = "self"  # the grader's name when candidates mark their own answer
SELF_VERSION = "1"


def _fits(text: str) -> str:
    text = drafts.as_typed(text)
    if len(text) > ANSWER_LIMIT:
        raise ValueError(
            f"the answer has {len(text):,} characters; the limit is {ANSWER_LIMIT:,}. "
            "Nothing is lost: shorten it and submit again"
        )
    return text


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("the answer is empty: write at least one sentence")
    return text


class SpokenForm(BaseModel):
    """An answer as the candidate sends it; what was only spoken has no text."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, AfterValidator(_fits)] = ""
    confidence: Confidence | None = None
    seconds: int | None = Field(default=None, ge=0, le=86_400)
    submission: str | None = Field(default=None, pattern=r"^[0-9A-Za-z-]{1,64}$")  # the form's own
    revision: Revision = 0  # of the draft that this answer grew from


class AnswerForm(SpokenForm):
    """An answer in writing."""

    text: Annotated[str, AfterValidator(_fits), AfterValidator(_says_something)]


def submit(
    session: Session,
    learner_id: int,
    question: Question,
    form: SpokenForm,
    *,
    zone: str = "UTC",
    point_id: str | None = None,
    grader: Grader | None = None,
) -> Answer:
    """Keep an answer, with its verdicts where there is a grader, and let go of its draft.

    The same form sent twice is one answer, graded once.
    """
    form = form.model_copy(update={"submission": form.submission or uuid4().hex})
    if known := entered(session, learner_id, question, form, point_id):
        return known
    given: Sequence[PointVerdict] = []
    if grader and form.text.strip():
        given = grader.grade(question, asked_points(question, point_id), form.text)
    try:
        answer = enter(session, learner_id, question, form, zone=zone, point_id=point_id)
        if grader:
            grade(session, answer, given, grader.name, grader.version)
        session.commit()
    except IntegrityError:
        session.rollback()
        answer = cast(Answer, entered(session, learner_id, question, form, point_id))
    session.refresh(answer)
    return answer


def enter(
    session: Session,
    learner_id: int,
    question: Question,
    form: SpokenForm,
    *,
    zone: str = "UTC",
    point_id: str | None = None,
    story_id: int | None = None,
) -> Answer:
    """An answer's row, its draft let go of, not committed yet: what belongs to it may follow.

    Raises IntegrityError where the same form was entered before.
    """
    answer = Answer(
        learner_id=learner_id,
        slug=question.slug,
        point_id=point_id,
        story_id=story_id,
        text=form.text,
        confidence=form.confidence,
        seconds=form.seconds,
        zone=zone,
        submission=_submission(question, form, point_id),
    )
    session.add(answer)
    session.flush()
    asked = drafts.key(question.slug, point_id)
    session.exec(
        delete(Draft)
        .where(col(Draft.learner_id) == learner_id, col(Draft.slug) == asked)
        # A draft that another tab has taken further is not this answer's: it stays.
        .where((col(Draft.revision) <= form.revision) | (col(Draft.text) == form.text))
    )
    return answer


def entered(
    session: Session, learner_id: int, question: Question, form: SpokenForm, point_id: str | None
) -> Answer | None:
    """The answer that this very form has become already, if it has."""
    key = _submission(question, form, point_id)
    query = select(Answer).where(Answer.learner_id == learner_id, Answer.submission == key)
    return session.exec(query).first()


def _submission(question: Question, form: SpokenForm, point_id: str | None) -> str:
    # The form's number alone would not do: a page brought back by the browser's history
    # holds the old number with a new text, which must not be lost.
    number = form.submission or uuid4().hex
    asked = drafts.key(question.slug, point_id)
    return hashlib.sha256(f"{asked}\0{number}\0{form.text}".encode()).hexdigest()


def grade(
    session: Session, answer: Answer, given: Sequence[PointVerdict], grader: str, version: str
) -> None:
    """Add a grader's verdicts on an answer, with the name and version of who gave them."""
    for verdict in given:
        session.add(
            Verdict(
                learner_id=answer.learner_id,
                answer_id=cast(int, answer.id),
                point_id=verdict.id,
                verdict=verdict.verdict,
                confidence=verdict.confidence,
                quote=verdict.quote,
                start=verdict.start,
                reason=verdict.reason if isinstance(verdict, Opinion) else None,
                grader=grader,
                grader_version=version,
            )
        )


def grade_again(session: Session, answer: Answer, question: Question, grader: Grader) -> bool:
    """Add the grader's verdicts of today where the candidate has not settled the point, and
    they say anything new. Whether there were any."""
    current = verdicts(session, [answer])[cast(int, answer.id)]
    points = [
        point
        for point in asked_points(question, answer.point_id)
        if point.id not in current or current[point.id].grader != SELF
    ]
    given = grader.grade(question, points, answer.text) if points else []
    news = [
        verdict
        for verdict in given
        if not (row := current.get(verdict.id))
        or (row.verdict, row.quote, row.start) != (verdict.verdict, verdict.quote, verdict.start)
        or (row.grader, row.grader_version) != (grader.name, grader.version)
    ]
    grade(session, answer, news, grader.name, grader.version)
    session.commit()
    return bool(given) or not points


def asked_points(question: Question, point_id: str | None) -> list[Point]:
    """The points that an answer is held to: all, or the one that it was asked for."""
    return [point for point in question.points if point_id in (None, point.id)]


def mark(
    session: Session,
    answer: Answer,
    question: Question,
    marks: Mapping[str, Mark],
    quote: str | None = None,
) -> None:
    """Keep the candidate's own verdicts, those that change something; `quote` is what they
    rest on, else what was quoted before.

    Raises ValueError for a point that the question does not have.
    """
    said = opinions(session, answer)
    for point_id, given in marks.items():
        if question.point(point_id) is None:
            raise ValueError(f"this question has no key point {point_id!r}")
        rows = said.get(point_id, [])
        span = _ground(answer, rows, given, quote)
        if rows and rows[-1].verdict == given and (span is None or rows[-1].quote == span.text):
            continue
        session.add(
            Verdict(
                learner_id=answer.learner_id,
                answer_id=cast(int, answer.id),
                point_id=point_id,
                verdict=given,
                quote=span.text if span else None,
                start=span.start if span else None,
                grader=SELF,
                grader_version=SELF_VERSION,
            )
        )
    session.commit()


def _ground(answer: Answer, rows: list[Verdict], given: Mark, quote: str | None) -> Span | None:
    """The sentence that a candidate's verdict rests on; a point left out rests on none."""
    if given == "missing":
        return None
    if quote is not None:
        return locate(answer.text, quote)
    last = next((row for row in reversed(rows) if row.quote), None)
    return locate(answer.text, last.quote, last.start) if last else None


def opinions(session: Session, answer: Answer) -> dict[str, list[Verdict]]:
    """Everything that was said of each point of an answer, the latest last."""
    said: dict[str, list[Verdict]] = {}
    query = select(Verdict).where(Verdict.answer_id == answer.id)
    # By moment before number: what an import brought has high numbers and old moments.
    for row in session.exec(query.order_by(col(Verdict.created_at), col(Verdict.id))):
        said.setdefault(row.point_id, []).append(row)
    return said


def find_answer(session: Session, learner_id: int, answer_id: int) -> Answer | None:
    query = select(Answer).where(Answer.id == answer_id, Answer.learner_id == learner_id)
    return session.exec(query).first()


def history(
    session: Session, learner_id: int, slug: str | None = None, limit: int | None = None
) -> list[Answer]:
    """The learner's answers to whole questions, newest first; to one question where given."""
    query = (
        select(Answer)
        .where(Answer.learner_id == learner_id, col(Answer.point_id).is_(None))
        .order_by(desc(col(Answer.created_at)), desc(col(Answer.id)))
        .limit(limit)
    )
    if slug is not None:
        query = query.where(Answer.slug == slug)
    return list(session.exec(query))


def point_answers(session: Session, learner_id: int, slug: str, since: datetime) -> list[Answer]:
    """The answers to single points of a question given since a moment, oldest first."""
    query = (
        select(Answer)
        .where(Answer.learner_id == learner_id, Answer.slug == slug)
        .where(col(Answer.point_id).is_not(None), col(Answer.created_at) > since)
        .order_by(col(Answer.created_at), col(Answer.id))
    )
    return list(session.exec(query))


def verdicts(session: Session, answers: list[Answer]) -> dict[int, dict[str, Verdict]]:
    """For each answer's id the latest verdict of each point that has one."""
    latest: dict[int, dict[str, Verdict]] = {cast(int, answer.id): {} for answer in answers}
    query = select(Verdict).where(col(Verdict.answer_id).in_(latest))
    query = query.order_by(col(Verdict.created_at), col(Verdict.id))  # as in opinions
    for verdict in session.exec(query):
        latest[verdict.answer_id][verdict.point_id] = verdict
    return latest
