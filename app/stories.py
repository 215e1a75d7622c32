"""Stories: a project of one's own, written in parts and told as a timed talk."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import update
from sqlmodel import Session, col, desc, select

from app.drafts import as_typed
from app.tables import Answer, PracticeItem, Revision, Story, now

# How four minutes are divided: most of them for what was done and why.
PARTS = (
    ("context", "Context", 0.6, "Who needed what, where, and how large it was."),
    ("problem", "Problem", 0.8, "What made the obvious solution fail."),
    ("solution", "Solution", 1.4, "What you chose, against which alternative, and what you built."),
    ("impact", "Impact", 0.6, "What was measured, before and after, as figures."),
    ("learnings", "Learnings", 0.6, "What you would do differently now."),
)
Text = Annotated[str, AfterValidator(as_typed), Field(max_length=20_000)]


class StoryForm(BaseModel):
    """A story as it is written; saved as it is typed, with the revision it grew from."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, AfterValidator(as_typed)] = Field(default="", max_length=200)
    context: Text = ""
    problem: Text = ""
    solution: Text = ""
    impact: Text = ""
    learnings: Text = ""
    revision: Revision = 1


class Part(BaseModel):
    """A section of the telling, as a talk has them."""

    title: str
    minutes: float
    say: str


class Conflict(Exception):
    """The story was changed elsewhere since."""


def told(session: Session, learner_id: int) -> list[Story]:
    """The learner's stories, last changed first."""
    query = select(Story).where(Story.learner_id == learner_id)
    return list(session.exec(query.order_by(desc(col(Story.updated_at)))))


def find(session: Session, learner_id: int, story_id: int) -> Story | None:
    query = select(Story).where(Story.id == story_id, Story.learner_id == learner_id)
    return session.exec(query).first()


def begin(session: Session, learner_id: int, title: str) -> Story:
    story = Story(learner_id=learner_id, title=title.strip() or "Untitled story")
    session.add(story)
    session.commit()
    return story


def save(session: Session, story: Story, form: StoryForm) -> Story:
    """Keep what is written. Raises Conflict when another tab has saved since, changing nothing."""
    written = form.model_dump(exclude={"revision"})
    changed = session.exec(
        update(Story)
        .where(col(Story.id) == story.id, col(Story.revision) == form.revision)
        .values(revision=form.revision + 1, updated_at=now(), **written)
    )
    session.commit()
    session.refresh(story)
    if not changed.rowcount and story.model_dump(include=set(written)) != written:
        raise Conflict
    return story


def delete(session: Session, story: Story) -> None:
    """Delete the story; what was answered when it was told stays, and no longer names it."""
    for table in (Answer, PracticeItem):
        session.exec(update(table).where(col(table.story_id) == story.id).values(story_id=None))
    session.delete(story)
    session.commit()


def parts(story: Story) -> list[Part]:
    """The sections in which the story is told, with its own text as notes."""
    return [
        Part(title=title, minutes=minutes, say=getattr(story, name) or f"*{asks}*")
        for name, title, minutes, asks in PARTS
    ]
