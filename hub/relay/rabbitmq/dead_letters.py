"""What lies in the dead-letter queue of a source.

A queue cannot be read without taking from it: what is looked at is taken, kept unacknowledged, and put back. So looks
are short, and see what nobody else looks at in the same moment. A quorum queue mixes up what comes back with what came
back before; the order is that of the deaths all the same, as far as one look reaches.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.relay.dead_letters import DeadLetter, DeadLettersUnavailable
from hub.relay.rabbitmq import headers
from hub.relay.rabbitmq.failures import LinkLost, PublishFailed
from hub.relay.rabbitmq.letters import Letter
from hub.relay.rabbitmq.link import Link, call, open_link
from hub.relay.rabbitmq.publisher import RabbitPublisher
from hub.relay.rabbitmq.race import race

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable

    from aiormq.abc import AbstractChannel, DeliveredMessage

    from hub.clock import Clock
    from hub.relay.rabbitmq.config import RabbitSourceConfig


MAX_LOOK = 2_000
"""Letters in our hands at the same time: so far in the queue ids are searched for, and so many are listed at most."""

MAX_LOOK_BYTES = 64 << 20
"""Of bodies in memory, and one letter more. What was too large for the hub lies here too: the broker takes 128 MiB."""

GIVE_UP_S = 2.0
"""How long to wait for the broker to put back what was looked at."""

SETTLE_INTERVAL_S = 0.02


class RabbitDeadLetters:
    """Implements `hub.relay.dead_letters.DeadLetters`, with a connection for each call."""

    def __init__(self, config: RabbitSourceConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock

    async def list(self, limit: int) -> list[DeadLetter]:
        async with self._look() as look:
            return [_letter_of(delivered) for delivered in (await look.take())[:limit]]

    async def replay(self, ids: Collection[str] | None) -> int:
        publisher = RabbitPublisher(self._config.connection, self._clock, name=f"{self._config.name}.replay")
        async with self._look() as look:
            await race(publisher.run(), self._replay(look, ids, publisher))
        return look.num_finished

    async def remove(self, ids: Collection[str] | None) -> int:
        async with self._look() as look:
            while letters := await look.take():
                for delivered in _chosen(letters, ids):
                    await look.finish(delivered)
        return look.num_finished

    @asynccontextmanager
    async def _look(self) -> AsyncIterator[_Look]:
        try:
            async with open_link(self._config.connection, f"syncline {self._config.name} dead letters") as link:
                look = _Look(link, self._config.dead_queue)
                await look.begin()
                yield look
                await look.put_back()
        except (LinkLost, PublishFailed) as exc:
            raise DeadLettersUnavailable(str(exc)) from exc

    async def _replay(self, look: _Look, ids: Collection[str] | None, publisher: RabbitPublisher) -> None:
        while letters := await look.take():
            for delivered in _chosen(letters, ids):
                await publisher.publish(self._replay_of(delivered))
                await look.finish(delivered)

    def _replay_of(self, delivered: DeliveredMessage) -> Letter:
        """Back to the queue itself: its exchange might hand a copy to others, who have had theirs."""
        properties = delivered.header.properties
        original = headers.without_death(properties.headers or {})
        return Letter(
            exchange="",
            routing_key=self._config.queue,
            body=delivered.body,
            message_id=properties.message_id or "",
            headers={**original, headers.ROUTING_KEY: _subject_of(delivered)},
            content_type=properties.content_type or "",
        )


class _Look:
    """What one consumer is given. The end of its channel puts back what was not finished.

    Attributes:
        num_finished: letters that are out of the queue for good.
    """

    def __init__(self, link: Link, queue: str) -> None:
        self._link = link
        self._queue = queue
        self._channel: AbstractChannel | None = None
        self._num_ready = 0
        self._num_taken = 0
        self.num_finished = 0

    async def begin(self) -> None:
        channel = self._channel = await self._link.channel()
        self._num_ready = await self._count(channel)

    async def take(self) -> list[DeliveredMessage]:
        """The next ones, those first that died first; none when all are taken that were there at the beginning.

        A replay that fails at once would never end otherwise.
        """
        room = min(MAX_LOOK - (self._num_taken - self.num_finished), self._num_ready - self._num_taken)
        taken: list[DeliveredMessage] = []
        num_bytes = 0
        # One by one: a consumer would be given all of them at once, however large they are.
        while len(taken) < room and num_bytes < MAX_LOOK_BYTES:
            delivered = await self._next()
            if delivered is None:
                break  # somebody else is looking at them
            taken.append(delivered)
            num_bytes += len(delivered.body)
        self._num_taken += len(taken)
        return sorted(taken, key=_dead_since_ms)

    async def _next(self) -> DeliveredMessage | None:
        assert self._channel is not None, "begin first"
        delivered = await call("looking at dead letters", self._channel.basic_get(self._queue))
        return None if delivered.delivery_tag is None else delivered

    async def finish(self, delivered: DeliveredMessage) -> None:
        """Out of the queue."""
        assert self._channel is not None, "it was given over it"
        await call("removing a dead letter", self._channel.basic_ack(delivered.delivery_tag or 0))
        self.num_finished += 1

    async def put_back(self) -> None:
        """The broker does so a moment after the channel has ended, and whoever looks next must find everything."""
        assert self._channel is not None, "begin first"
        await call("putting back what was looked at", self._channel.close())
        channel = await self._link.channel()
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVE_UP_S):
                while await self._count(channel) < self._num_ready - self.num_finished:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(SETTLE_INTERVAL_S)

    async def _count(self, channel: AbstractChannel) -> int:
        queue = self._queue
        declared = await call(f"looking for queue {queue}", channel.queue_declare(queue, passive=True))
        return declared.message_count or 0


def _chosen(letters: Iterable[DeliveredMessage], ids: Collection[str] | None) -> Iterable[DeliveredMessage]:
    return letters if ids is None else [delivered for delivered in letters if _id_of(delivered) in ids]


def _letter_of(delivered: DeliveredMessage) -> DeadLetter:
    found = delivered.header.properties.headers or {}
    death = _death_of(found)
    attempts = found.get(headers.ATTEMPTS)
    return DeadLetter(
        id=_id_of(delivered),
        reason=str(found.get(headers.REASON) or death.get("reason") or "unknown"),
        detail=str(found.get(headers.DETAIL) or ""),
        subject=_subject_of(delivered),
        headers=headers.as_text(headers.without_death(found)),
        body=delivered.body,
        dead_since_ms=_dead_since_ms(delivered),
        attempts=attempts if isinstance(attempts, int) else 0,
    )


def _id_of(delivered: DeliveredMessage) -> str:
    """Made of what identifies the message: the broker gives it no number that would last."""
    message_id = delivered.header.properties.message_id or ""
    parts = (message_id.encode(), _subject_of(delivered).encode(), delivered.body)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _death_of(found: dict[str, Any]) -> dict[str, Any]:
    """What the broker says about its last death."""
    deaths = found.get(headers.DEATHS)
    return deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}


def _subject_of(delivered: DeliveredMessage) -> str:
    first = (delivered.header.properties.headers or {}).get(headers.ROUTING_KEY)
    return first if isinstance(first, str) else delivered.routing_key or ""


def _dead_since_ms(delivered: DeliveredMessage) -> int:
    found = delivered.header.properties.headers or {}
    ours = found.get(headers.DEAD_SINCE_MS)
    if isinstance(ours, int):
        return ours
    time = _death_of(found).get("time")
    return int(time.timestamp() * 1000) if isinstance(time, datetime) else 0
