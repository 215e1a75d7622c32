"""Predictions made in labs."""

import sqlalchemy as sa
from alembic import op

from app.tables import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "lab_prediction",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("learner_id", sa.Integer, nullable=False),
        sa.Column("lab", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("choice", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["learner_id"], ["learner.id"], name="fk_lab_prediction_learner_id_learner"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_lab_prediction"),
    )
    op.create_index("ix_lab_prediction_learner_id", "lab_prediction", ["learner_id"])


def downgrade() -> None:
    op.drop_table("lab_prediction")
