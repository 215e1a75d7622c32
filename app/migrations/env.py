"""Alembic's entry: runs the migrations over the connection that app.db opened."""

from alembic import context
from sqlmodel import SQLModel

from app import tables  # noqa: F401  (fills the metadata that autogenerate compares with)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
