"""The tables. Every row is a learner's; questions are named by slug, never copied.

Rows are built from validated forms: SQLModel does not validate a table class in
its constructor.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic import Field as PlainField
from sqlalchemy import JSON, DateTime, Dialect, MetaData, TypeDecorator, UniqueConstraint
from sqlmodel import Field, SQLModel

# The only learner until accounts come; the first migration makes the row.
LOCAL_LEARNER = 1

# The largest number that every database stores as an integer.
LARGEST = 2**31 - 1
# A row's number as an address or a form gives it: one too large for any row finds none.
RowId = Annotated[int, AfterValidator(lambda number: max(-1, min(number, LARGEST)))]
Revision = Annotated[int, PlainField(ge=0, le=LARGEST)]

Confidence = Literal["sure", "fairly", "guess"]
Mark = Literal["made", "missing", "contradicted", "unsure"]
Mode = Literal["learn", "review", "quickfire", "mock", "talk", "drill"]
Kind = Literal["question", "opening", "scenario", "follow_up", "point", "talk"]

SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on both ways; SQLite itself would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone, {value} has none")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        moment: datetime | None = value
        return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)


class Learner(SQLModel, table=True):
    """Whose data it is, with what they set: how a day is counted, what FSRS works towards."""

    id: int | None = Field(default=None, primary_key=True)
    zone: str = "UTC"  # IANA name, the last that the browser told
    day_begins: int = 4  # hour at which a new day of practice begins
    new_per_day: int = 5  # questions never answered that a day's reviews may bring
    interview_on: date | None = None
    # FSRS weights fitted to the learner's own reviews; none: those that the package ships.
    weights: list[float] | None = Field(default=None, sa_type=JSON)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Draft(SQLModel, table=True):
    """What a learner has typed and not submitted; `revision` counts the saves.

    `slug` is the question's; for an answer to one point of it, `<slug>#<point>`.
    """

    learner_id: int = Field(foreign_key="learner.id", primary_key=True)
    slug: str = Field(primary_key=True)
    text: str
    seconds: int = 0  # spent on it so far
    revision: int = 1
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Answer(SQLModel, table=True):
    """One submitted answer. `submission` is what makes a form sent twice one answer.

    With `point_id` it answers that one point of the question. A talk that was only
    spoken has no text; a story told is an answer to the question about a project.
    """

    __table_args__ = (UniqueConstraint("learner_id", "submission"),)

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    slug: str = Field(index=True)
    point_id: str | None = None
    story_id: int | None = Field(default=None, foreign_key="story.id")
    text: str
    confidence: str | None = None
    seconds: int | None = None
    zone: str = "UTC"  # the candidate's when they answered: their day is counted in it
    submission: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Verdict(SQLModel, table=True):
    """What a grader said of one point of one answer. Rows are only added; the latest counts."""

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    answer_id: int = Field(foreign_key="answer.id", index=True)
    point_id: str
    verdict: str
    confidence: float | None = None
    quote: str | None = None
    start: int | None = None  # where in the answer the quote begins
    reason: str | None = None  # what decided, or why nothing could: see marking.Reason
    grader: str
    grader_version: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Wording(SQLModel, table=True):
    """A learner's own sentence that they had accepted as making, or contradicting, a point."""

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    slug: str = Field(index=True)
    point_id: str
    text: str
    verdict: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class LabPrediction(SQLModel, table=True):
    """What a learner expected of a lab's run before seeing it, and what the run bore out."""

    __tablename__ = "lab_prediction"

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    lab: str
    address: str  # the lab's page with the parameters of that run
    choice: int
    outcome: int
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Card(SQLModel, table=True):
    """What FSRS knows of a question's memory: the fields of `fsrs.Card`."""

    learner_id: int = Field(foreign_key="learner.id", primary_key=True)
    slug: str = Field(primary_key=True)
    state: int
    step: int | None = None
    stability: float | None = None
    difficulty: float | None = None
    due: datetime = Field(sa_type=UtcDateTime)
    last_review: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PracticeSession(SQLModel, table=True):
    """One sitting: what kind, and the way back by one step."""

    __tablename__ = "practice_session"

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    mode: str
    minutes: int | None = None  # what a mock interview was given
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undo: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class PracticeItem(SQLModel, table=True):
    """One thing asked in a session: a question, or one point of it."""

    __tablename__ = "practice_item"

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    session_id: int = Field(foreign_key="practice_session.id", index=True)
    position: int
    kind: str
    slug: str
    point_id: str | None = None
    story_id: int | None = Field(default=None, foreign_key="story.id")
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    hinted: str | None = None  # the point whose hint was shown
    paces: list[int] | None = Field(default=None, sa_type=JSON)  # seconds, part by part of a talk
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answer_id: int | None = Field(default=None, foreign_key="answer.id")  # none: given up
    rated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Review(SQLModel, table=True):
    """One rating of a question: what FSRS was told, and what the rule would have said."""

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    slug: str = Field(index=True)
    item_id: int = Field(foreign_key="practice_item.id")
    answer_id: int | None = Field(default=None, foreign_key="answer.id")
    suggested: int
    rating: int
    reviewed_at: datetime = Field(sa_type=UtcDateTime)


class Star(SQLModel, table=True):
    """A question that the learner wants to find again."""

    learner_id: int = Field(foreign_key="learner.id", primary_key=True)
    slug: str = Field(primary_key=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Note(SQLModel, table=True):
    """What a learner wrote down for themselves beside a question."""

    learner_id: int = Field(foreign_key="learner.id", primary_key=True)
    slug: str = Field(primary_key=True)
    text: str
    revision: int = 1
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Story(SQLModel, table=True):
    """A project of the learner's own, in the parts in which it is told."""

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    title: str
    context: str = ""
    problem: str = ""
    solution: str = ""
    impact: str = ""
    learnings: str = ""
    revision: int = 1
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
