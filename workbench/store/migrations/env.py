"""Alembic's entry: runs revisions on the connection in the configuration (see `migrations.configuration`)."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    # SQLite can roll back DDL once the driver's own transaction control is off, as open_database has it.
    transactional_ddl=True,
    # SQLite cannot alter most of a table: later revisions copy it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
