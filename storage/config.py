"""Where the truth is kept, and how long it may take to answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageConfig:
    """How the storage is reached.

    The deadlines add up so that a caller can answer 503 within 2 s, whatever the database does.

    Attributes:
        url: `postgresql://user:password@host:port/database?sslmode=…`, several hosts separated by commas for a
            standby; "" for SQLite.
        sqlite_path: the file, made if need be; its directory too.
        auth_connections: PostgreSQL connections for log-ins, tokens and revocation. Each part has its own, so that
            none can starve another. They are opened as needed; a node holds at most the sum of the three.
        business_connections: for what users store.
        relay_connections: for outbox and sweeping.
        statement_cache_size: prepared statements per connection. 0 is for PgBouncer in transaction mode: nothing is
            prepared by name, and no session settings are sent (see docs/operations/database.md).
        max_waiting: calls that may wait for a connection of one part; more are told to come back.
        acquire_deadline_s: for a free connection, a new one if need be.
        command_deadline_s: for one statement. Above PostgreSQL's `deadlock_timeout` (1 s) by so much that a deadlock is
            found out before it.
        unit_deadline_s: for a whole unit of work, reruns included.
        start_deadline_s: how long opening waits for a database that is not there yet.
    """

    url: str = ""
    sqlite_path: Path = Path("data/syncline.db")
    auth_connections: int = 4
    business_connections: int = 8
    relay_connections: int = 2
    statement_cache_size: int = 256
    max_waiting: int = 10_000
    acquire_deadline_s: float = 0.5
    command_deadline_s: float = 1.25
    unit_deadline_s: float = 1.5
    start_deadline_s: float = 10.0

    @property
    def is_postgres(self) -> bool:
        return self.url != ""
