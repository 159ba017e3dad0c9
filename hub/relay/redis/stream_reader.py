"""One stream, from the first entry that nobody has acknowledged to whatever comes next.

At least once: an entry is acknowledged after the engine has accepted everything that it became, or the dead-letter
stream has it. It comes again when the connection ends before that; then its idempotency key makes the second time a
repeat. Order: with a single active consumer that of the stream, across nodes too. Whoever takes over begins with
what was left behind, and a node that was paused and comes back takes nothing without the lease; what it still holds
has been published by its successor, under the same keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.engines.redis.failures import ServerError
from hub.relay.redis.entries import entries_of
from hub.relay.redis.lease import LEASE_MS, TAKE, Lease, lease_key

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.relay.redis.access import RedisAccess
    from hub.relay.redis.config import RedisStreamConfig
    from hub.relay.redis.counts import SourceCounts
    from hub.relay.redis.entries import Entry
    from hub.relay.redis.settlement import Settlement

LONGEST_WAIT_MS: Final = 1_000
"""For new entries; less than a lease, so that waiting renews it, and than an answer may take."""

LAG_INTERVAL_S: Final = 10.0

FIRST: Final = "0-0"

_OURS: Final = 1
"""What take.lua says first when it has taken."""


class _NotOurs(Exception):
    """Another node holds the lease; or nobody did, and what was left behind comes first."""


class StreamReader:
    """Reads one stream over one RedisAccess.

    Attributes:
        is_active: this node is the one that reads.
    """

    def __init__(
        self,
        stream: str,
        config: RedisStreamConfig,
        access: RedisAccess,
        settlement: Settlement,
        clock: Clock,
        counts: SourceCounts,
        owner: str,
    ) -> None:
        self.stream = stream
        self.is_active = False
        self._config = config
        self._access = access
        self._settlement = settlement
        self._clock = clock
        self._counts = counts
        self._lease = Lease(
            lease_key(config.redis.prefix, config.name, stream), owner if config.single_active_consumer else ""
        )
        self._wait_ms = min(LONGEST_WAIT_MS, int(config.redis.io_timeout_s * 500))
        self._seen = FIRST
        self._cursor = FIRST  # where taking over goes on; "" when it is done
        self._lag_due_s = self._taken_over_s = clock.monotonic_s()

    async def begin(self) -> None:
        """After every loss of the connection: see to the group, and begin with what was left behind.

        Raises: as RedisAccess.call.
        """
        self._stand_by()
        try:
            await self._call("XGROUP", "CREATE", self.stream, self._config.consumer_group, FIRST, "MKSTREAM")
        except ServerError as exc:
            if exc.word != "BUSYGROUP":
                raise
        await self._look()

    async def step(self) -> bool:
        """Publish and acknowledge a batch, or wait for one; False when another node is the one to do it.

        Raises: as RedisAccess.call. Cancelled, it leaves entries behind that come again.
        """
        if self._cursor:
            return await self._take_over()
        try:
            entries = await self._take_new()
        except _NotOurs:
            self._stand_by()
            return False
        if entries:
            self._seen = entries[-1].id
            self._counts.num_received += len(entries)
            await self._settlement.settle(entries, {})
        elif self._lease.owner:
            await self._wait()
        await self._look_when_due()
        return True

    async def let_go(self) -> None:
        """Let another node read. Raises: as RedisAccess.call."""
        self.is_active = False
        await self._lease.let_go(self._access)

    # --- taking -----------------------------------------------------------------------------------------------------

    async def _take_new(self) -> list[Entry]:
        """Raises: _NotOurs."""
        config = self._config
        if self._lease.owner:
            answer = await self._take()
        else:
            answer = await self._call(
                *("XREADGROUP", "GROUP", config.consumer_group, config.consumer_name, "COUNT", config.batch_size),
                *("BLOCK", self._wait_ms, "STREAMS", self.stream, ">"),
            )
        return entries_of(answer[0][1]) if answer else []

    async def _take(self, idle_ms: str = "", cursor: str = "") -> Any:
        """New entries, or with `idle_ms` those left behind. Raises: _NotOurs."""
        config, lease = self._config, self._lease
        code, *answer = await self._call(
            *("EVAL", TAKE, 2, self.stream, lease.key, lease.owner, LEASE_MS),
            *(config.consumer_group, config.consumer_name, config.batch_size, idle_ms, cursor),
        )
        if code != _OURS:
            raise _NotOurs
        return answer[0] if answer else None

    async def _wait(self) -> None:
        """Until there is something behind what has been seen. It is not taken here: that is the lease's business."""
        answer = await self._call("XREAD", "COUNT", 1, "BLOCK", self._wait_ms, "STREAMS", self.stream, self._seen)
        if answer:
            self._seen = answer[0][1][0][0].decode()  # should somebody else have read it: wait behind it

    # --- taking over ------------------------------------------------------------------------------------------------

    def _stand_by(self) -> None:
        self._cursor, self.is_active = FIRST, False

    async def _take_over(self) -> bool:
        """A batch of what was read and not acknowledged: by anybody, where there is a lease; else long enough ago."""
        idle_ms = 0 if self._lease.owner else int(self._config.visibility_timeout_s * 1000)
        try:
            cursor, claimed, *deleted = await self._take(str(idle_ms), self._cursor)
        except _NotOurs:
            self._stand_by()
            return False
        self.is_active = True
        if deleted and deleted[0]:
            self._counts.note_deleted(self.stream, len(deleted[0]))
        if entries := entries_of(claimed):
            self._counts.num_taken_over += len(entries)
            await self._settlement.settle(entries, await self._deliveries(entries))
        self._cursor = "" if cursor == FIRST.encode() else cursor.decode()
        self._taken_over_s = self._clock.monotonic_s()
        return True

    async def _deliveries(self, entries: list[Entry]) -> dict[str, int]:
        """How often each has been delivered."""
        config = self._config
        answer = await self._call(
            *("XPENDING", self.stream, config.consumer_group, entries[0].id, entries[-1].id),
            *(len(entries), config.consumer_name),
        )
        return {entry_id.decode(): count for entry_id, _, _, count in answer}

    # --- looking ----------------------------------------------------------------------------------------------------

    async def _look_when_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if not self._lease.owner and now_s - self._taken_over_s >= self._config.visibility_timeout_s:
            self._cursor = FIRST
        if now_s >= self._lag_due_s:
            await self._look()

    async def _look(self) -> None:
        """How far the group is."""
        self._lag_due_s = self._clock.monotonic_s() + LAG_INTERVAL_S
        for group in await self._call("XINFO", "GROUPS", self.stream):
            values = dict(zip(group[::2], group[1::2], strict=True))
            if values[b"name"] == self._config.consumer_group.encode():
                self._seen = values[b"last-delivered-id"].decode()
                self._counts.lag[self.stream] = values.get(b"lag") or 0

    async def _call(self, *args: str | bytes | int) -> Any:
        return await self._access.call(self.stream, *args)
