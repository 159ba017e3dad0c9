"""A database that fails when a test says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from storage.database import Database, Dialect, Query, Row, Transaction, Value

T = TypeVar("T")


@dataclass
class UnreliableDatabase:
    """Implements Database.

    Attributes:
        is_down: it does not answer.
        loses_answers: it does what it is asked, and does not answer.
        fault: raised, once, instead of an answer.
    """

    inner: Database
    is_down: bool = False
    loses_answers: bool = False
    fault: Exception | None = None

    def __post_init__(self) -> None:
        self.counters = self.inner.counters

    @property
    def dialect(self) -> Dialect:
        return self.inner.dialect

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        self._ask()
        return await self.inner.fetch(query, *values)

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        self._ask()
        return await self.inner.fetch_one(query, *values)

    async def run(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        self._ask()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        result = await self.inner.run(work)
        if self.loses_answers:
            raise StorageUnavailable("after it was done")
        return result

    async def ping(self) -> None:
        self._ask()
        await self.inner.ping()

    @property
    def num_waiting(self) -> int:
        return self.inner.num_waiting

    def _ask(self) -> None:
        if self.is_down:
            raise StorageUnavailable("down")
