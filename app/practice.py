"""The practice loop's verbs: keep a draft, submit an answer, mark its points.

Plain functions, the session first. Each commits what it changes before it returns,
so that what a candidate was shown as saved is on the disk.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, cast
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, desc, select

from app.question import Question
from app.tables import Answer, Confidence, Draft, LabPrediction, Mark, Verdict, now

ANSWER_LIMIT = 20_000  # characters
DRAFT_LIMIT = 500_000  # characters: a draft too long to submit is still kept
SELF = "self"  # the grader's name when candidates mark their own answer
SELF_VERSION = "1"


def _as_typed(text: str) -> str:
    """`text` with one kind of line end, and without what no database stores: NUL, half a
    surrogate pair (a browser sends one when an emoji is cut in two)."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _says_something(text: str) -> str:
    text = _as_typed(text)
    if not text.strip():
        raise ValueError("the answer is empty: write at least one sentence")
    if len(text) > ANSWER_LIMIT:
        raise ValueError(
            f"the answer has {len(text):,} characters; the limit is {ANSWER_LIMIT:,}. "
            "Nothing is lost: shorten it and submit again"
        )
    return text


class AnswerForm(BaseModel):
    """An answer as the candidate sends it; `submission` is the form's own number."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, AfterValidator(_says_something)]
    confidence: Confidence | None = None
    seconds: int | None = Field(default=None, ge=0, le=86_400)
    submission: str | None = Field(default=None, pattern=r"^[0-9A-Za-z-]{1,64}$")
    revision: int = Field(default=0, ge=0)  # of the draft that this answer grew from


class DraftForm(BaseModel):
    """A draft, with the revision that the typing began from."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, AfterValidator(_as_typed)] = Field(max_length=DRAFT_LIMIT)
    revision: int = Field(default=0, ge=0)


class Conflict(Exception):
    """The draft was changed elsewhere since; `draft` is what is stored."""

    def __init__(self, draft: Draft) -> None:
        super().__init__("this question's draft was changed in another tab")
        self.draft = draft


def find_draft(session: Session, learner_id: int, slug: str) -> Draft | None:
    return session.get(Draft, (learner_id, slug))


def save_draft(session: Session, learner_id: int, slug: str, form: DraftForm) -> Draft:
    """Keep `form.text`. Raises Conflict when another tab has saved since `form.revision`."""
    try:
        if form.revision == 0:
            session.exec(insert(Draft).values(learner_id=learner_id, slug=slug, text=form.text))
            session.commit()
        else:
            changed = session.exec(
                update(Draft)
                .where(col(Draft.learner_id) == learner_id, col(Draft.slug) == slug)
                .where(col(Draft.revision) == form.revision)
                .values(text=form.text, revision=form.revision + 1, updated_at=now())
            )
            session.commit()
            if not changed.rowcount:
                raise IntegrityError("stale revision", None, ValueError())
    except IntegrityError:
        session.rollback()
        stored = find_draft(session, learner_id, slug)
        if stored is None:  # submitted or deleted meanwhile: begin anew
            return save_draft(session, learner_id, slug, DraftForm(text=form.text))
        if stored.text != form.text:
            raise Conflict(stored) from None
    return cast(Draft, find_draft(session, learner_id, slug))


def submit(session: Session, learner_id: int, question: Question, form: AnswerForm) -> Answer:
    """Keep an answer and let go of its draft. The same form sent twice is one answer.

    The form's number alone would not do: a page brought back by the browser's
    history holds the old number with a new text, which must not be lost.
    """
    number = form.submission or uuid4().hex
    key = hashlib.sha256(f"{question.slug}\0{number}\0{form.text}".encode()).hexdigest()
    answer = Answer(
        learner_id=learner_id,
        slug=question.slug,
        text=form.text,
        confidence=form.confidence,
        seconds=form.seconds,
        submission=key,
    )
    try:
        session.add(answer)
        session.exec(
            delete(Draft)
            .where(col(Draft.learner_id) == learner_id, col(Draft.slug) == question.slug)
            # A draft that another tab has taken further is not this answer's: it stays.
            .where((col(Draft.revision) <= form.revision) | (col(Draft.text) == form.text))
        )
        session.commit()
    except IntegrityError:
        session.rollback()
        query = select(Answer).where(Answer.learner_id == learner_id, Answer.submission == key)
        answer = session.exec(query).one()
    session.refresh(answer)
    return answer


def mark(
    session: Session,
    answer: Answer,
    question: Question,
    marks: Mapping[str, Mark],
) -> None:
    """Keep the candidate's own verdicts, those that change something.

    Raises ValueError for a point that the question does not have.
    """
    current = verdicts(session, [answer])[cast(int, answer.id)]
    for point_id, given in marks.items():
        if question.point(point_id) is None:
            raise ValueError(f"this question has no key point {point_id!r}")
        if point_id in current and current[point_id].verdict == given:
            continue
        session.add(
            Verdict(
                learner_id=answer.learner_id,
                answer_id=cast(int, answer.id),
                point_id=point_id,
                verdict=given,
                grader=SELF,
                grader_version=SELF_VERSION,
            )
        )
    session.commit()


def find_answer(session: Session, learner_id: int, answer_id: int) -> Answer | None:
    query = select(Answer).where(Answer.id == answer_id, Answer.learner_id == learner_id)
    return session.exec(query).first()


def history(session: Session, learner_id: int, slug: str | None = None) -> list[Answer]:
    """The learner's answers, newest first; those to one question where `slug` is given."""
    query = select(Answer).where(Answer.learner_id == learner_id).order_by(desc(col(Answer.id)))
    if slug is not None:
        query = query.where(Answer.slug == slug)
    return list(session.exec(query))


def drafts(session: Session, learner_id: int) -> list[Draft]:
    """What the learner has begun and not submitted, newest first."""
    query = select(Draft).where(Draft.learner_id == learner_id, Draft.text != "")
    return list(session.exec(query.order_by(desc(col(Draft.updated_at)))))


def verdicts(session: Session, answers: list[Answer]) -> dict[int, dict[str, Verdict]]:
    """For each answer's id the latest verdict of each point that has one."""
    latest: dict[int, dict[str, Verdict]] = {cast(int, answer.id): {} for answer in answers}
    query = select(Verdict).where(col(Verdict.answer_id).in_(latest)).order_by(col(Verdict.id))
    for verdict in session.exec(query):
        latest[verdict.answer_id][verdict.point_id] = verdict
    return latest


def predict(
    session: Session, learner_id: int, lab: str, address: str, choice: int, outcome: int
) -> LabPrediction:
    """Keep what a learner expected of a lab's run, with what the run bore out."""
    prediction = LabPrediction(
        learner_id=learner_id, lab=lab, address=address, choice=choice, outcome=outcome
    )
    session.add(prediction)
    session.commit()
    session.refresh(prediction)
    return prediction


def predictions(session: Session, learner_id: int) -> list[LabPrediction]:
    """The learner's predictions, newest first."""
    query = select(LabPrediction).where(LabPrediction.learner_id == learner_id)
    return list(session.exec(query.order_by(desc(col(LabPrediction.id)))))
