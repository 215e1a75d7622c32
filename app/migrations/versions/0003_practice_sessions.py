"""Sessions of practice, FSRS cards and reviews, stars, notes, stories."""

import sqlalchemy as sa
from alembic import op

from app.tables import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table, column in (
        ("learner", sa.Column("zone", sa.String, nullable=False, server_default="UTC")),
        ("learner", sa.Column("day_begins", sa.Integer, nullable=False, server_default="4")),
        ("learner", sa.Column("new_per_day", sa.Integer, nullable=False, server_default="5")),
        ("learner", sa.Column("interview_on", sa.Date)),
        ("learner", sa.Column("weights", sa.JSON)),
        ("draft", sa.Column("seconds", sa.Integer, nullable=False, server_default="0")),
        ("answer", sa.Column("point_id", sa.String)),
        ("answer", sa.Column("zone", sa.String, nullable=False, server_default="UTC")),
    ):
        op.add_column(table, column)
    _keepsakes()
    # Inline: a constraint added by itself would have SQLite make the table anew, verdicts and all.
    story = sa.ForeignKey("story.id", name="fk_answer_story_id_story")
    op.add_column("answer", sa.Column("story_id", sa.Integer, story), inline_references=True)
    _sessions()


def _keepsakes() -> None:
    op.create_table(
        "star",
        *_by_slug("star"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "note",
        *_by_slug("note"),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "story",
        *_numbered("story"),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("title", "context", "problem", "solution", "impact", "learnings")
        ),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_story_learner_id", "story", ["learner_id"])


def _sessions() -> None:
    op.create_table(
        "card",
        *_by_slug("card"),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer),
        sa.Column("stability", sa.Float),
        sa.Column("difficulty", sa.Float),
        sa.Column("due", UtcDateTime(), nullable=False),
        sa.Column("last_review", UtcDateTime()),
    )
    op.create_table(
        "practice_session",
        *_numbered("practice_session"),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("minutes", sa.Integer),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.Column("undo", sa.JSON),
    )
    op.create_index("ix_practice_session_learner_id", "practice_session", ["learner_id"])
    op.create_table(
        "practice_item",
        *_numbered("practice_item"),
        sa.Column("session_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("point_id", sa.String),
        sa.Column("story_id", sa.Integer),
        sa.Column("opened_at", UtcDateTime()),
        sa.Column("hinted", sa.String),
        sa.Column("paces", sa.JSON),
        sa.Column("answered_at", UtcDateTime()),
        sa.Column("answer_id", sa.Integer),
        sa.Column("rated_at", UtcDateTime()),
        _references("practice_item", "session_id", "practice_session"),
        _references("practice_item", "story_id", "story"),
        _references("practice_item", "answer_id", "answer"),
    )
    op.create_index("ix_practice_item_learner_id", "practice_item", ["learner_id"])
    op.create_index("ix_practice_item_session_id", "practice_item", ["session_id"])
    op.create_table(
        "review",
        *_numbered("review"),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("answer_id", sa.Integer),
        sa.Column("suggested", sa.Integer, nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("reviewed_at", UtcDateTime(), nullable=False),
        _references("review", "item_id", "practice_item"),
        _references("review", "answer_id", "answer"),
    )
    op.create_index("ix_review_learner_id", "review", ["learner_id"])
    op.create_index("ix_review_slug", "review", ["slug"])


def _by_slug(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    """The key of a row that there is once for each learner and question."""
    return (
        sa.Column("learner_id", sa.Integer, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        _references(table, "learner_id", "learner"),
        sa.PrimaryKeyConstraint("learner_id", "slug", name=f"pk_{table}"),
    )


def _numbered(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("learner_id", sa.Integer, nullable=False),
        _references(table, "learner_id", "learner"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )


def _references(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def downgrade() -> None:
    for table in ("review", "practice_item", "practice_session", "card"):
        op.drop_table(table)
    with op.batch_alter_table("answer") as answer:
        for column in ("story_id", "point_id", "zone"):
            answer.drop_column(column)
    for table in ("story", "note", "star"):
        op.drop_table(table)
    op.drop_column("draft", "seconds")
    for column in ("zone", "day_begins", "new_per_day", "interview_on", "weights"):
        op.drop_column("learner", column)
