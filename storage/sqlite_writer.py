"""The one thread that writes to SQLite, and commits what has gathered as a group."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from storage.database import Counters, StorageUnavailable
from storage.sqlite_transaction import SQLiteTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from storage.database import Transaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_GROUP: Final = 1_000
"""Units of work in one commit: bounds how long the first waits for the last."""

MAX_WAITING: Final = 20_000
"""Units of work that may wait for the writer; beyond, callers are told to come back."""


@dataclass(slots=True)
class Unit(Generic[T]):
    """One unit of work, where its caller waits, and how it went."""

    work: Callable[[Transaction], Coroutine[Any, Any, T]]
    done: asyncio.Future[T]
    result: T | None = None
    failure: BaseException | None = None

    def settle(self) -> None:
        """On the loop's thread: the caller may have gone meanwhile."""
        if self.done.done():
            return
        if self.failure is not None:
            self.done.set_exception(self.failure)
        else:
            self.done.set_result(self.result)  # type: ignore[arg-type]  # T may be None itself


class Writer:
    """Owns its connection and its thread, from the first unit to `stop`."""

    def __init__(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop, counters: Counters) -> None:
        self._connection = connection
        self._loop = loop
        self._counters = counters
        self._is_open = True
        self._units: queue.SimpleQueue[Unit[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite.writer", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        return self._units.qsize()

    def add(self, unit: Unit[Any]) -> None:
        """Queue a unit of work.

        Raises:
            StorageUnavailable: too many wait, or the writer has stopped.
        """
        if not self._is_open:
            raise StorageUnavailable("the database is closed")
        if self.num_waiting >= MAX_WAITING:
            self._counters.turned_away += 1
            raise StorageUnavailable("too many writes are waiting")
        self._units.put(unit)

    async def stop(self) -> None:
        """Write what is waiting, then end."""
        self._is_open = False
        self._units.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._write(group)
                self._tell(group)

    def _next_group(self) -> tuple[list[Unit[Any]], bool]:
        """Everything that is waiting, at least one; False at the end."""
        group: list[Unit[Any]] = []
        unit = self._units.get()
        while unit is not None:
            if not unit.done.cancelled():
                group.append(unit)
            if len(group) == MAX_GROUP:
                return group, True
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _write(self, group: list[Unit[Any]]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for unit in group:
                self._do(unit)
            self._connection.execute("COMMIT")
        except Exception as exc:  # noqa: BLE001  # the thread must outlive whatever happens
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            self._fail(group, exc)
        else:
            self._counters.groups += 1
            self._counters.commits += sum(unit.failure is None for unit in group)

    def _fail(self, group: list[Unit[Any]], exc: Exception) -> None:
        logger.warning("sqlite_write_failed", extra={"detail": str(exc), "units": len(group)})
        for unit in group:
            unit.failure = StorageUnavailable(str(exc))
            unit.failure.__cause__ = exc

    def _do(self, unit: Unit[Any]) -> None:
        """One unit inside its savepoint. Only a failure of the database itself gets out."""
        self._connection.execute("SAVEPOINT unit")
        transaction = SQLiteTransaction(self._connection)
        try:
            unit.result = _drive(unit.work(transaction))
        except BaseException as exc:  # noqa: BLE001  # whatever it is belongs to the caller, who waits on the loop
            unit.failure = exc
        transaction.end()
        unit.failure = unit.failure or transaction.failure
        if isinstance(transaction.failure, StorageUnavailable):
            raise transaction.failure
        if unit.failure is not None:
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")

    def _tell(self, group: list[Unit[Any]]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self._loop.call_soon_threadsafe(_settle_all, group)


def _settle_all(group: list[Unit[Any]]) -> None:
    for unit in group:
        unit.settle()


def _drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the coroutine's own result
    work.close()
    raise RuntimeError("a unit of work awaited something other than its transaction")
