"""`database`: where accounts, sessions and documents are kept."""

from __future__ import annotations

from pydantic import Field

from settings.section import NO_SECRET, Count, Duration, PositiveCount, Secret, Section


class DatabaseSettings(Section):
    """Defaults are for SQLite in the data directory; connections and the statement cache are PostgreSQL's."""

    url: Secret = Field(
        NO_SECRET, description="`postgresql://user:password@host/database`; empty keeps SQLite in the data directory."
    )
    auth_connections: PositiveCount = Field(4, description="Connections for log-ins, tokens and revocation.")
    business_connections: PositiveCount = Field(8, description="Connections for what users store.")
    relay_connections: PositiveCount = Field(2, description="Connections for outbox and sweeping.")
    statement_cache_size: Count = Field(
        256, description="Prepared statements of one connection; 0 for PgBouncer in transaction mode."
    )
    max_waiting: PositiveCount = Field(
        10_000, description="Calls that may wait for a connection of one kind; more are answered with 503."
    )
    acquire_timeout: Duration = Field(0.5, description="How long to wait for a free connection.")
    command_timeout: Duration = Field(1.25, description="How long one statement may take.")
    unit_timeout: Duration = Field(1.5, description="How long a whole unit of work may take.")
    start_timeout: Duration = Field(10.0, description="How long a start waits for the database.")
