"""Callers that go on writing whatever the database does, and know what they were promised."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from storage.database import StorageUnavailable, UniqueViolation
from tests.support.patience import TIME_SCALE, eventually
from tests.support.specimens import add, ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.database import Database

ANSWER_WITHIN_S: Final = 2 * TIME_SCALE
"""Each call ends by then, one way or the other."""

NORMAL_WITHIN_S: Final = 5 * TIME_SCALE
"""After its return, the database is used again by then."""

REST_S: Final = 0.01


class Writers:
    """What `num_writers` callers have been told.

    Attributes:
        promised: rows that were acknowledged.
        refusals: calls that ended with StorageUnavailable.
        late: calls that took longer than ANSWER_WITHIN_S.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.promised: set[int] = set()
        self.refusals = 0
        self.late = 0
        self._next = 0

    async def write_for_ever(self) -> None:
        while True:
            self._next += 1
            await self._write_until_promised(self._next)

    async def _write_until_promised(self, number: int) -> None:
        while number not in self.promised:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await add(self.database, number)
            except StorageUnavailable:
                self.refusals += 1
                await asyncio.sleep(REST_S)
                continue
            except UniqueViolation:
                pass  # an attempt without an answer was written after all
            except TimeoutError:
                self.late += 1
                continue
            self.promised.add(number)

    async def are_refused(self) -> None:
        """Wait until they notice."""
        before = self.refusals
        await eventually(lambda: self.refusals >= before + 20)

    async def are_answered(self, within_s: float = NORMAL_WITHIN_S) -> None:
        """Wait until all goes well: a hundred new rows, and nobody refused on the way."""

        async def goes_well() -> bool:
            refusals, promised = self.refusals, len(self.promised)
            await eventually(lambda: len(self.promised) >= promised + 100, within_s)
            return self.refusals == refusals

        await eventually(goes_well, within_s)

    async def check(self) -> None:
        """Nobody waited too long, and every promise is kept."""
        assert self.late == 0
        assert self.promised <= await ids(self.database)


@asynccontextmanager
async def writing(database: Database, num_writers: int = 20) -> AsyncIterator[Writers]:
    """They write until this ends."""
    writers = Writers(database)
    tasks = [asyncio.create_task(writers.write_for_ever()) for _ in range(num_writers)]
    try:
        yield writers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def is_answered(part: Database) -> bool:
    try:
        await part.ping()
    except StorageUnavailable:
        return False
    return True
