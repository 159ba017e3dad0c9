"""PostgreSQL by asyncpg: one pool for each kind of work, every wait with a deadline.

What asyncpg leaves to its users, and what is done about it here:

- `acquire` waits for ever and is not fair: a semaphore in front, first come, first served, with a bound and a deadline.
- Releasing may wait for the server to confirm a cancellation: a connection that was left in the middle of something is
  cut, and the server ends what it was doing by `statement_timeout`.
- The pool's reset is a round trip for each use: nothing here changes a session, so there is nothing to reset.
- After a failover connections stay with the old primary: what says so makes the whole pool connect anew.
- While the server is away every caller would knock: one that was refused keeps the others off for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import asyncpg

from storage.database import CannotOpen, Counters, Query, Row, Storage, StorageUnavailable, Transaction
from storage.notifications import SILENCE
from storage.postgres_errors import CREDENTIALS_ARE_WRONG, Verdict, is_cut_short, verdict_on
from storage.postgres_notifications import PostgresNotifications
from storage.postgres_transaction import PostgresTransaction, Rerun, cut, translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from storage.config import StorageConfig
    from storage.database import Value
    from storage.notifications import Notifications
    from storage.postgres_transaction import Connection

T = TypeVar("T")

REST_AFTER_REFUSAL_S: Final = 0.2
"""How long nobody tries to connect after an attempt failed."""

EXPIRE_EVERY_S: Final = 1.0
"""At most so often all connections of a pool are replaced: a server that stays read-only must not be stormed."""

RERUN_PAUSES_S: Final = (0.01, 0.05, 0.2)
"""Upper ends of the pauses before a unit of work is done again; their number bounds the runs."""

MAX_IDLE_S: Final = 60.0

CLOSE_DEADLINE_S: Final = 2.0
RELEASE_DEADLINE_S: Final = 0.1
RETRY_OPENING_EVERY_S: Final = 0.2

_SIGN_OF_LIFE = Query("storage.ping", "SELECT 1")


@asynccontextmanager
async def open_postgres(config: StorageConfig) -> AsyncIterator[Storage]:
    """The database at this address, once it answers; units of work in flight are finished before this ends.

    Raises:
        CannotOpen: it does not answer in `start_deadline_s`, or refuses the account.
    """
    async with contextlib.AsyncExitStack() as stack:
        storage = Storage(
            auth=await stack.enter_async_context(_open_pool(config, "auth", config.auth_connections)),
            business=await stack.enter_async_context(_open_pool(config, "business", config.business_connections)),
            relay=await stack.enter_async_context(_open_pool(config, "relay", config.relay_connections)),
            notifications=_notifications(config),
        )
        await _until_alive(storage.auth.ping, config.start_deadline_s)
        yield storage


def _notifications(config: StorageConfig) -> Notifications:
    """A PgBouncer in transaction mode would give the connection that listens to somebody else."""
    if not config.statement_cache_size:
        return SILENCE
    return PostgresNotifications(config.url, connect_options(config, "listen"))


async def _until_alive(ping: Callable[[], Coroutine[Any, Any, None]], deadline_s: float) -> None:
    loop = asyncio.get_running_loop()
    give_up_at_s = loop.time() + deadline_s
    while True:
        try:
            return await ping()
        except StorageUnavailable as exc:
            if isinstance(exc.__cause__, CREDENTIALS_ARE_WRONG) or loop.time() >= give_up_at_s:
                raise CannotOpen(f"PostgreSQL: {exc}") from exc
        except ValueError as exc:
            raise CannotOpen(f"PostgreSQL: the address is wrong: {exc}") from exc
        await asyncio.sleep(RETRY_OPENING_EVERY_S)


@asynccontextmanager
async def _open_pool(config: StorageConfig, part: str, max_size: int) -> AsyncIterator[PostgresDatabase]:
    pool = await asyncpg.create_pool(  # connects nothing yet
        config.url,
        min_size=0,
        max_size=max_size,
        max_inactive_connection_lifetime=MAX_IDLE_S,
        reset=_leave_as_it_is,
        **connect_options(config, part),
    )
    try:
        yield PostgresDatabase(pool, config, max_size)
    finally:
        await _close(pool)


def connect_options(config: StorageConfig, part: str) -> dict[str, Any]:
    """Arguments of `asyncpg.connect` beside the address."""
    options: dict[str, Any] = {
        "timeout": config.acquire_deadline_s,
        "command_timeout": config.command_deadline_s,
        "statement_cache_size": config.statement_cache_size,
        "max_cached_statement_lifetime": 0,
        "server_settings": _server_settings(config, part),
    }
    host = config.url.partition("://")[2].partition("/")[0]
    if "," in host and "target_session_attrs" not in config.url:
        options["target_session_attrs"] = "read-write"
    return options


def _server_settings(config: StorageConfig, part: str) -> dict[str, str]:
    """The server's own deadlines, a little shorter than ours: when ours is hit, the server does not answer at all.

    `lock_timeout` stays above PostgreSQL's `deadlock_timeout` (1 s), or no deadlock would be told from a slow lock.
    """
    settings = {"application_name": f"syncline-{part}"}
    if config.statement_cache_size:  # else a PgBouncer, which refuses parameters that it does not know
        settings |= {
            "statement_timeout": _ms(config.command_deadline_s * 0.95),
            "lock_timeout": _ms(config.command_deadline_s * 0.9),
            "idle_in_transaction_session_timeout": _ms(config.unit_deadline_s * 2),
            "jit": "off",  # compiling takes longer than any statement here
        }
    return settings


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


async def _leave_as_it_is(connection: object) -> None:
    """In place of asyncpg's reset."""


async def _close(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    try:
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await pool.close()
    except Exception:  # noqa: BLE001  # whatever keeps it from closing in order: cut it
        pool.terminate()


class PostgresDatabase:
    """Implements Database over one pool; see `open_postgres`."""

    dialect: Literal["postgres"] = "postgres"

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], config: StorageConfig, max_size: int) -> None:
        self.counters = Counters(num_connections=pool.get_size)
        self.num_waiting = 0
        self._pool = pool
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(max_size)
        self._resting_until_s = 0.0
        self._may_expire_at_s = 0.0

    async def ping(self) -> None:
        await self.fetch(_SIGN_OF_LIFE)

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        async with self._answering(), self._connection() as connection:
            try:
                with translated():
                    return [tuple(row) for row in await connection.fetch(query.text("postgres"), *values)]
            except Rerun as exc:  # asyncpg has tried again by itself
                raise StorageUnavailable(str(exc)) from exc.__cause__

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        rows = await self.fetch(query, *values)
        return rows[0] if rows else None

    async def run(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        started_s = self._loop.time()
        async with self._answering():
            result = await self._run_until_done(work)
        self.counters.observe_unit_s(self._loop.time() - started_s)
        return result

    async def _run_until_done(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        for pause_s in RERUN_PAUSES_S:
            try:
                return await self._run_once(work)
            except Rerun:
                self.counters.reruns += 1
            await asyncio.sleep(random.uniform(0, pause_s))  # outside the except: nothing is held meanwhile
        try:
            return await self._run_once(work)
        except Rerun as exc:
            raise StorageUnavailable(str(exc)) from exc.__cause__

    async def _run_once(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        async with self._connection() as connection:
            transaction = PostgresTransaction(connection)
            await transaction.begin()
            try:
                result = await work(transaction)
                await transaction.commit()
            except Exception as exc:
                await transaction.roll_back(exc)
                raise
            finally:
                transaction.end()
        self.counters.commits += 1
        self.counters.groups += 1
        return result

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Inside the deadline of a unit of work; failures are counted."""
        deadline = asyncio.timeout(self._config.unit_deadline_s)
        try:
            async with deadline:
                yield
        except StorageUnavailable:
            self.counters.failures += 1
            raise
        except TimeoutError as exc:
            if not deadline.expired():
                raise  # the caller's own
            self.counters.failures += 1
            raise StorageUnavailable("the unit of work took too long") from exc

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """A connection that is ours alone; cut rather than given back when a statement may still run on it."""
        await self._wait_for_slot()
        try:
            connection = await self._connect()
            self.counters.in_use += 1
            try:
                yield connection
            except BaseException as exc:
                if is_cut_short(exc):
                    cut(connection)
                await self._learn_from(exc)
                raise
            finally:
                self.counters.in_use -= 1
                await self._give_back(connection)
        finally:
            self._slots.release()

    async def _learn_from(self, exc: BaseException) -> None:
        """One connection that is lost makes all others suspect."""
        is_lost = exc.__cause__ is not None and verdict_on(exc.__cause__) is Verdict.LOST
        if isinstance(exc, StorageUnavailable) and is_lost and self._loop.time() >= self._may_expire_at_s:
            self._may_expire_at_s = self._loop.time() + EXPIRE_EVERY_S
            await self._pool.expire_connections()

    async def _wait_for_slot(self) -> None:
        if self.num_waiting >= self._config.max_waiting:
            self.counters.turned_away += 1
            raise StorageUnavailable("too many calls wait for a connection")
        self.num_waiting += 1
        try:
            async with asyncio.timeout(self._config.acquire_deadline_s):
                await self._slots.acquire()
        except TimeoutError:
            raise StorageUnavailable("no connection became free in time") from None
        finally:
            self.num_waiting -= 1

    async def _connect(self) -> Connection:
        """One of the pool's connections, made anew if need be."""
        if self._loop.time() < self._resting_until_s and not self._pool.get_idle_size():
            raise StorageUnavailable("the server did not take a connection just now")
        try:
            async with asyncio.timeout(self._config.acquire_deadline_s):
                return await self._pool.acquire()
        except Exception as exc:
            if verdict_on(exc) is Verdict.BUG:
                raise
            self._resting_until_s = self._loop.time() + REST_AFTER_REFUSAL_S
            raise StorageUnavailable(str(exc) or "no connection in time") from exc

    async def _give_back(self, connection: Connection) -> None:
        with contextlib.suppress(Exception):  # asyncpg has taken it back already
            if connection.is_in_transaction():
                connection.terminate()
        with contextlib.suppress(Exception):  # asyncpg has cut it; what was committed before is not in doubt
            await self._pool.release(connection, timeout=RELEASE_DEADLINE_S)
