"""What is found in the table: rows of other programs, of other nodes, of crashes, and what memory had no room for.

A pass reads the rows of this node's parts from the first one on, in their order, as many at a time as memory takes. A
row is taken when it is due (in nobody's hands), and with it every row of its key before it, in whoever's hands: see
`hub.relay.outbox`. There is no mark between passes: a row that is committed late, with an early place, is found by the
next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.relay import outbox_table as table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.checkpoint import Checkpoint
    from hub.clock import Clock
    from hub.relay.outbox_parts import Parts, WholeOutbox
    from hub.relay.outbox_table import Waiting
    from hub.relay.publisher import Publisher
    from storage.database import Database

LEASE_MS = 500
"""How long a row is the business of the node that added it."""

BATCH = 500
"""Rows that are read at once."""

MAX_PASS_S = 1.0
"""A pass over a long backlog begins anew after this long: what was committed late must not wait for its end."""


class Sweep:
    """Sweeps one destination.

    Attributes:
        is_behind: the table may hold rows that must go before what is added now. Only where one node has it for itself.
        released: rows that stand behind another node's and were left to this one's parts: they are due at once.
        num_swept: entries found.
    """

    def __init__(  # what it stands between
        self,
        database: Database,
        clock: Clock,
        destination: str,
        publisher: Publisher,
        parts: Parts | WholeOutbox,
        checkpoint: Checkpoint,
    ) -> None:
        self._database = database
        self._clock = clock
        self._destination = destination
        self._publisher = publisher
        self._parts = parts
        self._checkpoint = checkpoint
        self._start: str | int = 0 if database.dialect == "postgres" else ""
        self._place = self._start
        self._begun_s = 0.0
        self._passed_over: set[str] = set()
        self._was_released: set[str] = set()
        self._has_spilled = False
        self.is_behind = False
        self.released: set[str] = set()
        self.num_swept = 0

    def fall_behind(self) -> None:
        """There is a row in the table that memory has not, and that nothing newer may overtake."""
        self.is_behind = self._has_spilled = True

    @property
    def is_pressed(self) -> bool:
        """More waits in the table than memory takes."""
        return self._place != self._start and not self._publisher.is_stalled

    async def step(self) -> bool:
        """Take over some rows. True when there may be more, and there is room.

        Raises:
            StorageUnavailable
        """
        parts, publisher = self._parts.mine(), self._publisher
        if not parts or not publisher.has_room or (publisher.is_stalled and publisher.num_waiting):
            return False
        if self._place == self._start or self._clock.monotonic_s() - self._begun_s > MAX_PASS_S:
            self._begin()
        rows = await table.waiting(self._database, self._destination, parts, self._place, BATCH)
        wanted = self._wanted(rows)
        if wanted:
            await self._take(wanted)
        if len(rows) < BATCH:
            self._end()
            return False
        self._place = rows[-1].place
        return True

    def _begin(self) -> None:
        self._place = self._start
        self._begun_s = self._clock.monotonic_s()
        self._passed_over.clear()
        self._was_released = set(self.released)
        self._has_spilled = False

    def _end(self) -> None:
        self._place = self._start
        self.released -= self._was_released
        self.is_behind = self._has_spilled

    def _wanted(self, rows: Sequence[Waiting]) -> list[str]:
        """Rows that are due, and those of their keys before them, in their order. All, where we are behind."""
        unknown = [row for row in rows if not self._publisher.knows(row.id)]
        if self.is_behind:
            return [row.id for row in unknown]
        due_ms = int(self._clock.now_s() * 1000) - LEASE_MS
        last: dict[str, int] = {}
        for number, row in enumerate(unknown):
            if row.at_ms <= due_ms or row.id in self.released:
                last[row.lane] = number
        wanted: list[str] = []
        for number, row in enumerate(unknown):
            if row.lane not in self._passed_over and number <= last.get(row.lane, -1):
                wanted.append(row.id)
            else:
                self._passed_over.add(row.lane)  # what comes after it of its key is not taken in this pass
        return wanted

    async def _take(self, wanted: Sequence[str]) -> None:
        entries = await table.read(self._database, self._destination, wanted)
        self._checkpoint("outbox.taken")
        for entry in entries:
            if not self._publisher.knows(entry.id):
                self.num_swept += 1
                self._publisher.add(entry)
