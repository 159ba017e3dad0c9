"""Rejected messages on their way to the dead-letter exchange."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from hub.backoff import Backoff
from hub.relay.rabbitmq import headers
from hub.relay.rabbitmq.letters import Letter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiormq.abc import DeliveredMessage

    from hub.clock import Clock
    from hub.relay.rabbitmq.config import RabbitSourceConfig
    from hub.relay.rabbitmq.publisher import RabbitPublisher
    from hub.relay.rejection import Rejected

MAX_DETAIL_CHARS = 1000

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
"""Between attempts while the broker does not take dead letters."""


class Corpse(NamedTuple):
    delivered: DeliveredMessage
    rejected: Rejected


class Burial:
    """Publishes dead letters, and hands on the tags of those that the broker has confirmed.

    Nothing waits for it but the messages themselves: they stay unacknowledged, and as many as the prefetch allows.

    Args:
        bury: told the tags, in rising order, once the messages are in the dead-letter queue.
    """

    def __init__(
        self,
        config: RabbitSourceConfig,
        publisher: RabbitPublisher,
        clock: Clock,
        bury: Callable[[list[int]], Awaitable[None]],
    ) -> None:
        self._config = config
        self._publisher = publisher
        self._clock = clock
        self._bury = bury
        self._waiting: deque[Corpse] = deque()
        self._has_some = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, corpse: Corpse) -> None:
        self._waiting.append(corpse)
        self._has_some.set()
        self._is_empty.clear()

    async def emptied(self) -> None:
        """Wait until every message handed over is in the dead-letter queue."""
        await self._is_empty.wait()

    async def run(self) -> None:
        """Publish until cancelled; whatever fails is tried again."""
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            if await self._publish_waiting():
                backoff.reset()
                continue
            await asyncio.sleep(backoff.next_s())
            self._has_some.set()

    async def _publish_waiting(self) -> bool:
        """Whether all that waited is done with."""
        corpses = sorted(self._waiting, key=_tag)
        failures = await self._publisher.publish_many([self._letter(corpse) for corpse in corpses])
        buried = {_tag(corpse) for corpse, failure in zip(corpses, failures, strict=True) if failure is None}
        self._waiting = deque(corpse for corpse in self._waiting if _tag(corpse) not in buried)
        if buried:
            await self._bury(sorted(buried))
        if not self._waiting:
            self._is_empty.set()
        return len(buried) == len(corpses)

    def _letter(self, corpse: Corpse) -> Letter:
        delivered, rejected = corpse
        properties = delivered.header.properties
        death = {
            headers.REASON: rejected.reason,
            headers.DETAIL: rejected.detail[:MAX_DETAIL_CHARS],
            headers.EXCHANGE: delivered.exchange or "",
            headers.ROUTING_KEY: headers.subject_of(delivered),
            headers.ATTEMPTS: headers.attempts_of(delivered),
            headers.CONSUMER: self._config.name,
            headers.DEAD_SINCE_MS: int(self._clock.now_s() * 1000),
        }
        return Letter(
            exchange=self._config.dead_exchange,
            routing_key=headers.subject_of(delivered),
            body=delivered.body,
            message_id=properties.message_id or uuid.uuid4().hex,
            headers={**headers.without_death(properties.headers or {}), **death},
            content_type=properties.content_type or "",
        )


def _tag(corpse: Corpse) -> int:
    tag = corpse.delivered.delivery_tag
    assert tag is not None, "a delivery has one"
    return tag
