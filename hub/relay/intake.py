"""Where the messages of all carriers enter the hub: in batches, each accepted as a whole or rejected as a whole.

Order: the deliveries of one channel are published in the order of the batch, channels at the same time. A source that
hands over one batch after another, and repeats a failed one before it hands over a newer one, keeps the order that its
carrier has for every channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from hub.backoff import Backoff
from hub.errors import EngineUnavailable, ReplyError
from hub.protocol.codes import UNKNOWN_CHANNEL
from hub.publishing import PLAINLY, How
from hub.relay.rejection import BAD_CHANNEL, FAULT, REASONS, REFUSED, UNKNOWN_NAMESPACE, Rejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hub.hub import Hub
    from hub.publication_traces import PublicationTraces
    from hub.publishing import Prepared
    from hub.relay.delivery import Delivery

    Batch = Sequence[Sequence[Delivery]]
    Verdicts = list[Rejected | None]

logger = logging.getLogger(__name__)

LANES = 64
"""Channels that are published to at the same time: an engine over a network takes a round trip each."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
"""Between attempts while the engine gives no answer."""

MAX_FAULTS = 3
"""Attempts at a batch that makes our own code fail before the messages that do it are rejected."""


class Intake:
    """Publishes what messages have become, for every source of the node.

    Attributes:
        is_stalled: the engine gave no answer to the last attempt.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.is_stalled = False
        self.num_accepted = self.num_deliveries = self.num_retries = 0
        self.num_rejected: Counter[str] = Counter()

    @property
    def traces(self) -> PublicationTraces | None:
        """The hub's."""
        return self._hub.traces

    async def accept(self, batch: Batch) -> Verdicts:
        """One verdict per message, in order; None: the engine has accepted every delivery of it.

        A message of which one delivery is refused publishes nothing.

        Raises:
            EngineUnavailable: nothing of the batch may be acknowledged; repeat all of it, with the same keys, before
                anything newer.
        """
        return await self._attempt(batch, MAX_FAULTS)

    async def accept_patiently(self, batch: Batch) -> Verdicts:
        """`accept`, again and again with growing pauses, until the engine answers.

        Cancelled, it leaves open what was published: nothing may be acknowledged.
        """
        backoff, faults = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, self._hub.jitter), 0
        while True:
            try:
                return await self._attempt(batch, faults)
            except _Fault:
                faults += 1
            except EngineUnavailable:
                pass
            self.num_retries += 1
            await asyncio.sleep(backoff.next_s())

    def measures(self) -> dict[str, float]:
        """Counters, by name."""
        return {
            "relay_accepted": self.num_accepted,
            "relay_deliveries": self.num_deliveries,
            "relay_retries": self.num_retries,
            "relay_is_stalled": self.is_stalled,
            **{f"relay_rejected.{reason}": float(self.num_rejected[reason]) for reason in REASONS},
        }

    # --- within -----------------------------------------------------------------------------------------------------

    async def _attempt(self, batch: Batch, faults: int) -> Verdicts:
        verdicts, channels = self._prepare(batch)
        failed = await self._publish(channels)
        self.is_stalled = any(isinstance(failure, EngineUnavailable) for failure in failed.values())
        if self.is_stalled:
            raise EngineUnavailable("not all channels of the batch were answered for")
        if failed:
            if faults < MAX_FAULTS:
                raise _Fault("publishing failed in our own code")
            if len(batch) > 1:
                return [(await self._attempt((deliveries,), faults))[0] for deliveries in batch]
            verdicts = [Rejected(FAULT, f"publishing to {next(iter(failed))!r} failed; see the log of the node")]
        self._count(batch, verdicts)
        return verdicts

    def _prepare(self, batch: Batch) -> tuple[Verdicts, dict[str, list[Prepared]]]:
        verdicts: Verdicts = []
        channels: dict[str, list[Prepared]] = {}
        for deliveries in batch:
            try:
                prepared = [(delivery.channel, self._prepared(delivery)) for delivery in deliveries]
            except Rejected as rejected:
                verdicts.append(rejected)
                continue
            verdicts.append(None)
            for channel, publication in prepared:
                channels.setdefault(channel, []).append(publication)
        return verdicts, channels

    def _prepared(self, delivery: Delivery) -> Prepared:
        key = delivery.idempotency_key
        how = How(idempotency_key=key, idempotency_ttl_s=delivery.idempotency_ttl_s) if key else PLAINLY
        try:
            return self._hub.publishing.prepare(delivery.channel, delivery.data, delivery.tags, how)
        except ReplyError as exc:
            raise _rejection(delivery, exc) from exc

    async def _publish(self, channels: dict[str, list[Prepared]]) -> dict[str, Exception]:
        """Publish to each; returns the channels that failed, with what did."""
        failed: dict[str, Exception] = {}
        work = list(channels.items())
        if len(work) <= 1:  # mostly: no task for it
            await self._publish_lane(work, failed)
            return failed
        async with asyncio.TaskGroup() as group:
            for lane in range(min(LANES, len(work))):
                group.create_task(self._publish_lane(work[lane::LANES], failed))
        return failed

    async def _publish_lane(self, lane: list[tuple[str, list[Prepared]]], failed: dict[str, Exception]) -> None:
        """One channel after another; without an answer for one the others are not asked for either."""
        for channel, prepared in lane:
            try:
                await self._hub.publishing.publish_prepared(channel, prepared)
            except EngineUnavailable as exc:
                failed[channel] = exc
                return
            except Exception as exc:  # whatever one channel does, the others are published
                logger.exception("relay_publish_failed")
                failed[channel] = exc

    def _count(self, batch: Batch, verdicts: Verdicts) -> None:
        for deliveries, verdict in zip(batch, verdicts, strict=True):
            if verdict is None:
                self.num_accepted += 1
                self.num_deliveries += len(deliveries)
            else:
                self.num_rejected[verdict.reason] += 1


async def verdicts_on(
    outcomes: Sequence[Sequence[Delivery] | Rejected], accept: Callable[[Batch], Awaitable[Verdicts]]
) -> Verdicts:
    """Have accepted what could be routed; one verdict for each of `hub.relay.routing.outcome_of`, in order.

    Raises: as `accept`.
    """
    accepted = iter(await accept([one for one in outcomes if not isinstance(one, Rejected)]))
    return [one if isinstance(one, Rejected) else next(accepted) for one in outcomes]


class _Fault(EngineUnavailable):
    """Our own code failed. Perhaps for once: as long as there are attempts left, it is a failure like any other."""


def _rejection(delivery: Delivery, refusal: ReplyError) -> Rejected:
    if refusal.error is UNKNOWN_CHANNEL:
        return Rejected(UNKNOWN_NAMESPACE, f"channel {delivery.channel!r} is in no namespace that is configured")
    if not delivery.channel:
        return Rejected(BAD_CHANNEL, "the channel is empty")
    return Rejected(REFUSED, f"channel {delivery.channel!r} takes JSON objects only")
