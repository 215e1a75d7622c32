"""What is typed and kept as it is typed: drafts of answers, and notes beside a question.

Both carry a revision. A save that grew from an older revision than the stored one is
refused, and overwrites nothing: two tabs cannot undo each other's typing.
"""

from typing import Annotated, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, desc, select

from app.tables import Draft, Note, Revision, now

LIMIT = 500_000  # characters: a draft too long to submit is still kept
Kept = TypeVar("Kept", bound=Draft | Note)


def as_typed(text: str) -> str:
    """`text` with one kind of line end, and without what no database stores: NUL, half a
    surrogate pair (a browser sends one when an emoji is cut in two)."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


class DraftForm(BaseModel):
    """A text, with the revision that the typing began from."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, AfterValidator(as_typed)] = Field(max_length=LIMIT)
    revision: Revision = 0
    seconds: int = Field(default=0, ge=0, le=86_400)  # spent on it so far


class Conflict(Exception):
    """The text was changed elsewhere since; `stored` is what is kept."""

    def __init__(self, stored: Draft | Note) -> None:
        super().__init__("this text was changed in another tab")
        self.stored = stored


def key(slug: str, point_id: str | None = None) -> str:
    """What a draft is kept under: a question, or one point of it."""
    return f"{slug}#{point_id}" if point_id else slug


def find(session: Session, table: type[Kept], learner_id: int, slug: str) -> Kept | None:
    return session.get(table, (learner_id, slug))


def save(session: Session, table: type[Kept], learner_id: int, slug: str, form: DraftForm) -> Kept:
    """Keep `form.text`. Raises Conflict when another tab has saved since `form.revision`."""
    values = form.model_dump(include={"text", "seconds"} & table.model_fields.keys())
    try:
        if form.revision == 0:
            session.exec(insert(table).values(learner_id=learner_id, slug=slug, **values))
            session.commit()
        else:
            changed = session.exec(
                update(table)
                .where(col(table.learner_id) == learner_id, col(table.slug) == slug)
                .where(col(table.revision) == form.revision)
                .values(revision=form.revision + 1, updated_at=now(), **values)
            )
            session.commit()
            if not changed.rowcount:
                raise IntegrityError("stale revision", None, ValueError())
    except IntegrityError:
        session.rollback()
        stored = find(session, table, learner_id, slug)
        if stored is None:  # submitted or deleted meanwhile: begin anew
            return save(session, table, learner_id, slug, form.model_copy(update={"revision": 0}))
        if stored.text != form.text:
            raise Conflict(stored) from None
    return cast(Kept, find(session, table, learner_id, slug))


def begun(session: Session, learner_id: int) -> list[Draft]:
    """What the learner has begun and not submitted, newest first."""
    query = select(Draft).where(Draft.learner_id == learner_id, Draft.text != "")
    return list(session.exec(query.order_by(desc(col(Draft.updated_at)))))
