"""The tables. Every row is a learner's; questions are named by slug, never copied.

Rows are built from validated forms: SQLModel does not validate a table class in
its constructor.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator, UniqueConstraint
from sqlmodel import Field, SQLModel

# The only learner until accounts come; the first migration makes the row.
LOCAL_LEARNER = 1

Confidence = Literal["sure", "fairly", "guess"]
Mark = Literal["made", "missing", "contradicted", "unsure"]

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
    """Whose data it is."""

    id: int | None = Field(default=None, primary_key=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Draft(SQLModel, table=True):
    """What a learner has typed and not submitted; `revision` counts the saves."""

    learner_id: int = Field(foreign_key="learner.id", primary_key=True)
    slug: str = Field(primary_key=True)
    text: str
    revision: int = 1
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Answer(SQLModel, table=True):
    """One submitted answer. `submission` is what makes a form sent twice one answer."""

    __table_args__ = (UniqueConstraint("learner_id", "submission"),)

    id: int | None = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    slug: str = Field(index=True)
    text: str
    confidence: str | None = None
    seconds: int | None = None
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
    grader: str
    grader_version: str
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
