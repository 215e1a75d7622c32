"""Learners, drafts, answers and verdicts."""

import sqlalchemy as sa
from alembic import op

from app.tables import LOCAL_LEARNER, UtcDateTime, now

revision = "0001"
down_revision = None


def upgrade() -> None:
    learner = op.create_table(
        "learner",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_learner"),
    )
    op.bulk_insert(learner, [{"id": LOCAL_LEARNER, "created_at": now()}])
    op.create_table(
        "draft",
        sa.Column("learner_id", sa.Integer, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["learner_id"], ["learner.id"], name="fk_draft_learner_id_learner"),
        sa.PrimaryKeyConstraint("learner_id", "slug", name="pk_draft"),
    )
    op.create_table(
        "answer",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("learner_id", sa.Integer, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("confidence", sa.String, nullable=True),
        sa.Column("seconds", sa.Integer, nullable=True),
        sa.Column("submission", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["learner_id"], ["learner.id"], name="fk_answer_learner_id_learner"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_answer"),
        sa.UniqueConstraint("learner_id", "submission", name="uq_answer_learner_id_submission"),
    )
    op.create_index("ix_answer_learner_id", "answer", ["learner_id"])
    op.create_index("ix_answer_slug", "answer", ["slug"])
    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("learner_id", sa.Integer, nullable=False),
        sa.Column("answer_id", sa.Integer, nullable=False),
        sa.Column("point_id", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("confidence", sa.Float, nullable=True),
        sa.Column("quote", sa.String, nullable=True),
        sa.Column("grader", sa.String, nullable=False),
        sa.Column("grader_version", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["learner_id"], ["learner.id"], name="fk_verdict_learner_id_learner"
        ),
        sa.ForeignKeyConstraint(["answer_id"], ["answer.id"], name="fk_verdict_answer_id_answer"),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"),
    )
    op.create_index("ix_verdict_learner_id", "verdict", ["learner_id"])
    op.create_index("ix_verdict_answer_id", "verdict", ["answer_id"])


def downgrade() -> None:
    for table in ("verdict", "answer", "draft", "learner"):
        op.drop_table(table)
