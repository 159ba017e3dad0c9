"""Alembic's entry: migrate on the connection that `storage.migration_run` has opened, inside its transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=context.config.attributes["on_version_apply"],
    transactional_ddl=True,  # SQLite's too: Alembic thinks it is not, because of how pysqlite used to begin
)
with context.begin_transaction():  # the caller's: all migrations of one run, or none
    context.run_migrations()
