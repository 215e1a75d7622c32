"""Accepted wordings; where a verdict's quote begins, and what decided."""

import sqlalchemy as sa
from alembic import op

from app.tables import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("verdict", sa.Column("start", sa.Integer))
    op.add_column("verdict", sa.Column("reason", sa.String))
    op.create_table(
        "wording",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("learner_id", sa.Integer, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("point_id", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["learner_id"], ["learner.id"], name="fk_wording_learner_id_learner"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_wording"),
    )
    op.create_index("ix_wording_learner_id", "wording", ["learner_id"])
    op.create_index("ix_wording_slug", "wording", ["slug"])


def downgrade() -> None:
    op.drop_table("wording")
    op.drop_column("verdict", "reason")
    op.drop_column("verdict", "start")
