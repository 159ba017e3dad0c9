"""What becomes of entries that were taken: published, buried where they were rejected, then acknowledged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hub.relay.intake import verdicts_on
from hub.relay.message_traces import MessageTraces
from hub.relay.redis.burial import Burial
from hub.relay.redis.entries import headers_of, message_of
from hub.relay.rejection import DELIVERY_LIMIT, Rejected
from hub.relay.routing import outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.relay.delivery import Delivery
    from hub.relay.intake import Intake
    from hub.relay.redis.access import RedisAccess
    from hub.relay.redis.config import RedisStreamConfig
    from hub.relay.redis.counts import SourceCounts
    from hub.relay.redis.entries import Entry
    from hub.relay.routing import Router


class Settlement:
    """Settles the entries of one stream."""

    def __init__(
        self,
        stream: str,
        config: RedisStreamConfig,
        access: RedisAccess,
        router: Router,
        intake: Intake,
        counts: SourceCounts,
    ) -> None:
        self._stream = stream
        self._config = config
        self._access = access
        self._router = router
        self._intake = intake
        self._counts = counts
        self._burial = Burial(config, access, counts)

    async def settle(self, entries: list[Entry], deliveries: Mapping[str, int]) -> None:
        """Waits for as long as the engine does not answer.

        Args:
            deliveries: how often an entry has been delivered, by id; those that are missing come for the first time.

        Raises:
            EngineUnavailable, ServerError: of the stream's Redis; none, or some, of the entries are acknowledged, and
                the others come again.
        """
        with MessageTraces(self._intake.traces, "redis", self._config.name) as spans:
            await self._settle(entries, deliveries, spans)

    async def _settle(self, entries: list[Entry], deliveries: Mapping[str, int], spans: MessageTraces) -> None:
        routed = [
            spans.begin(self._routed(entry, deliveries.get(entry.id, 1)), self._stream, partial(headers_of, entry))
            for entry in entries
        ]
        verdicts = await verdicts_on(routed, spans.accepting(self._intake.accept_patiently))
        deceased = [
            (entry, verdict, deliveries.get(entry.id, 1))
            for entry, verdict in zip(entries, verdicts, strict=True)
            if verdict is not None
        ]
        for entry, verdict in zip(entries, verdicts, strict=True):
            if verdict is None:
                self._counts.note_accepted(entry.id)
        for _, rejected, _ in deceased:
            self._counts.note_rejection(self._stream, rejected)
        await self._burial.bury(self._stream, deceased)
        await self._acknowledge([entry.id for entry in entries])

    def _routed(self, entry: Entry, deliveries: int) -> list[Delivery] | Rejected:
        if deliveries > self._config.delivery_limit:
            return Rejected(DELIVERY_LIMIT, f"delivered {deliveries} times and never acknowledged")
        config = self._config
        return outcome_of(
            lambda: self._router.route(message_of(entry, self._stream, config.payload_value)),
            "redis_routing_failed",
            consumer=config.name,
        )

    async def _acknowledge(self, ids: list[str]) -> None:
        commands: list[tuple[str, ...]] = [("XACK", self._stream, self._config.consumer_group, *ids)]
        if self._config.delete_acknowledged:
            commands.append(("XDEL", self._stream, *ids))
        await self._access.call_all(self._stream, commands)
        self._counts.num_acknowledged += len(ids)
