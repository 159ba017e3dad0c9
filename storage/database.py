"""The Database port: named queries, units of work, and how a database fails.

Implementations: `storage.sqlite` (the embedded default) and `storage.postgres`. Both pass the suite in
tests/contract, and every store on top of them runs its own suite on both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from storage.notifications import SILENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from storage.notifications import Notifications

T = TypeVar("T")

Dialect = Literal["sqlite", "postgres"]

Value = str | int | float | bytes | None
"""What a parameter or a column may be. Times are integers, in milliseconds; JSON is text that is stored as it came."""

Row = tuple[Any, ...]
"""One row, by position: a store turns it into its own value at once."""


class StorageUnavailable(Exception):
    """The database gave no answer in its deadline, or refuses work (restarting, read-only, out of connections).

    Whether a write took effect is unknown: repeat it with the same idempotency key. The cause is chained.
    """

    retry_after_s = 1


class UniqueViolation(Exception):
    """A row with this key is there already. The unit of work has been undone as a whole."""


class BadValue(ValueError):
    """A value that not every database takes: text with NUL or half a surrogate pair, an integer beyond 64 bits.

    A fault of the caller, who checks what comes from outside. The unit of work has been undone as a whole.
    """


class CannotOpen(Exception):
    """The storage cannot be used as it is configured or as it is; the text tells the operator why."""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with its name, in the portable subset, parameters `$1`, `$2`, …

    Where the dialects part, `postgres` holds the other wording; parameters are the same in both. Portable means: what
    SQLite 3.40 and PostgreSQL 13 both take and mean alike: INSERT … ON CONFLICT … DO, RETURNING, CTEs, window
    functions; columns of `text`, `bigint`, `double precision`, `bytea`; no functions of time, arrays or JSON operators.
    """

    name: str
    sql: str
    postgres: str = ""

    def text(self, dialect: Dialect) -> str:
        return self.postgres if dialect == "postgres" and self.postgres else self.sql


class Transaction(Protocol):
    """One open unit of work. Its methods are awaited one at a time, inside the function that was given it."""

    @property
    def dialect(self) -> Dialect: ...

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        """Run a statement and return its rows; RETURNING gives rows too.

        Raises:
            UniqueViolation: the unit of work is over. Caught or not, nothing of it is written.
        """

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        """The first row, or None."""

    async def execute(self, query: Query, *values: Value) -> int:
        """Run a statement; how many rows it changed."""

    async def execute_many(self, query: Query, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for many rows of values, in order, in one trip."""


def _one() -> int:
    return 1


def _unobserved(_seconds: float) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class Counters:
    """What a database has done since it was opened.

    Attributes:
        commits: units of work that were made durable.
        groups: commits at the database; fewer than `commits` where units share one.
        reruns: units begun again because the database asked for it.
        failures: calls that ended with StorageUnavailable.
        turned_away: those of them that were refused because too many wait already.
        in_use, num_connections: connections that work at this moment, and all that are open.
        observe_unit_s: told how long each unit of work took that was made durable, waiting included.
    """

    commits: int = 0
    groups: int = 0
    reruns: int = 0
    failures: int = 0
    turned_away: int = 0
    in_use: int = 0
    num_connections: Callable[[], int] = _one
    observe_unit_s: Callable[[float], object] = _unobserved


class Database(Protocol):
    """A database, or the part of it that one kind of work may use (see `Storage`).

    Every method ends within its own deadline. Cancellation: a cancelled write may or may not have happened.
    """

    counters: Counters

    @property
    def dialect(self) -> Dialect: ...

    @property
    def num_waiting(self) -> int:
        """Calls that wait for their turn; bounded."""

    async def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            StorageUnavailable
        """

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        """Read outside any unit of work; sees everything committed before it.

        Raises:
            StorageUnavailable
        """

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        """The first row, or None."""

    async def run(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        """Do a unit of work: all of it is durable when this returns, or nothing of it when this raises.

        Units that write the same rows happen one after the other. One that writes by what it has read takes the lock
        of that row with the reading: on PostgreSQL (READ COMMITTED) the query's other wording ends in `FOR UPDATE`,
        on SQLite nothing is needed. `work` awaits nothing but its transaction, because SQLite runs it on a thread of
        its own; and it may run again from the start when the database asks for that (serialisation failure, deadlock,
        a changed table), so it changes nothing outside that a second run would not set right.

        Raises:
            StorageUnavailable: nothing is known to be written.
            UniqueViolation, and whatever `work` raises: nothing is written.
        """


@dataclass(frozen=True, slots=True)
class Storage:
    """One database, divided so that no kind of work can starve another: each part has its own connections.

    Attributes:
        auth: log-ins, tokens, revocation.
        business: what users store.
        relay: outbox and sweeping.
        notifications: a word from other users of the database.
    """

    auth: Database
    business: Database
    relay: Database
    notifications: Notifications = field(default=SILENCE, kw_only=True)
