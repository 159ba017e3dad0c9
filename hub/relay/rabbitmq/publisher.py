"""Publishes with everything that makes a publication count: persistent, mandatory, confirmed, and within a deadline.

It has a connection of its own: a broker that is short of memory stops reading from connections that publish, and what
is consumed, or acknowledged, on the same one would stand still with it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiormq.exceptions import DeliveryError, PublishError

from hub.complaints import QuietLog
from hub.relay.rabbitmq.failures import (
    BLOCKED,
    INVALID,
    LOST,
    NACKED,
    RETURNED,
    TIMEOUT,
    UNAVAILABLE,
    LinkLost,
    PublishFailed,
    losing_the_link,
)
from hub.relay.rabbitmq.link import Link, open_link
from hub.relay.rabbitmq.race import race
from hub.relay.reconnection import Pauses
from hub.relay.source import SourceHealth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiormq.abc import AbstractChannel

    from hub.clock import Clock
    from hub.relay.rabbitmq.config import RabbitConnectionConfig
    from hub.relay.rabbitmq.letters import Letter

logger = logging.getLogger(__name__)

PUBLISH_DEADLINE_S = 5.0
BLOCK_LOOK_INTERVAL_S = 0.5
MAX_UNCONFIRMED = 1000
"""Letters on their way, whoever sends them; more wait, within their deadline."""


class RabbitPublisher:
    """Keeps a connection for publishing; `run` is one task of the supervisor's, `publish` is for anybody.

    Attributes:
        num_published: confirmed by the broker, and routed to at least one queue.
        num_failed: not confirmed, for whatever reason.
        num_lost_links: connections that ended, or could not be opened.
    """

    def __init__(
        self, config: RabbitConnectionConfig, clock: Clock, *, name: str, deadline_s: float = PUBLISH_DEADLINE_S
    ) -> None:
        self.name = name
        self.num_published = self.num_failed = self.num_lost_links = 0
        self._config = config
        self._clock = clock
        self._deadline_s = deadline_s
        self._log = QuietLog(logger, clock)
        self._line: tuple[Link, AbstractChannel] | None = None
        self._has_line = asyncio.Event()
        self._is_blocked = False
        self._room = asyncio.Semaphore(MAX_UNCONFIRMED)
        self._on_the_way: dict[str, asyncio.Event] = {}
        self._since_s = clock.monotonic_s()
        self._trouble = "not connected yet"

    async def run(self) -> None:
        """Hold a connection, and open a new one whenever it ends, until cancelled."""
        pauses = Pauses(self._clock)
        while True:
            pauses.begin()
            try:
                await self._hold_a_line()
            except LinkLost as exc:
                self._note_loss(str(exc))
            except Exception as exc:  # a fault of ours or the driver's: a new connection is a new chance
                logger.exception("amqp_publisher_failed")
                self._note_loss(type(exc).__name__)
            await asyncio.sleep(pauses.next_s())

    async def publish(self, letter: Letter) -> None:
        """When it returns, the broker has the letter safe and has put it into at least one queue.

        Waits for a connection, and for a broker that takes nothing, as long as the deadline allows (5 s).
        Cancelled, it leaves open whether the letter was published.

        Raises:
            PublishFailed: publish again, with the same message id; unless its reason is `invalid`.
        """
        failure = (await self.publish_many((letter,)))[0]
        if failure is not None:
            raise failure

    async def publish_many(self, letters: Sequence[Letter]) -> list[PublishFailed | None]:
        """Publish without waiting for one confirm before the next letter goes; one answer for each, in order.

        The letters of one call leave in this order on one channel, so that a connection that ends cuts off the rest of
        them. But a letter that a queue refuses (nacked, returned) does not hold back what comes after it: where order
        matters more than that, wait for each answer.
        """
        outcomes: list[PublishFailed | None] = [None] * len(letters)
        async with asyncio.TaskGroup() as group:
            for number, letter in enumerate(letters):
                group.create_task(self._publish_into(outcomes, number, letter))
        return outcomes

    def measures(self) -> dict[str, float]:
        """Counters and gauges by name."""
        return {
            f"amqp_published.{self.name}": self.num_published,
            f"amqp_publish_failures.{self.name}": self.num_failed,
            f"amqp_unconfirmed.{self.name}": len(self._on_the_way),
            f"amqp_blocked.{self.name}": self._is_blocked,
            f"amqp_lost_links.{self.name}": self.num_lost_links,
        }

    def health(self) -> SourceHealth:
        age_s = self._clock.monotonic_s() - self._since_s
        detail = "the broker takes no publications" if self._is_blocked else self._trouble
        return SourceHealth(self.name, self._line is not None, age_s, detail)

    # --- the line ---------------------------------------------------------------------------------------------------

    async def _hold_a_line(self) -> None:
        async with open_link(self._config, f"syncline {self.name}") as link:
            channel = await link.channel(confirms=True)
            self._put_through((link, channel))
            try:
                await race(link.keep(channel), self._watch_for_blocking(link))
            finally:
                self._put_through(None)

    async def _watch_for_blocking(self, link: Link) -> None:
        while True:
            was_blocked, self._is_blocked = self._is_blocked, await link.is_blocked()
            if self._is_blocked and not was_blocked:
                self._log.warn("amqp_blocked", publisher=self.name)
            await asyncio.sleep(BLOCK_LOOK_INTERVAL_S)

    def _put_through(self, line: tuple[Link, AbstractChannel] | None) -> None:
        self._line, self._is_blocked = line, False
        self._since_s = self._clock.monotonic_s()
        if line is None:
            self._has_line.clear()
        else:
            self._trouble = ""
            self._has_line.set()

    def _note_loss(self, reason: str) -> None:
        self.num_lost_links += 1
        self._trouble = reason
        self._log.warn("amqp_link_lost", publisher=self.name, reason=reason)

    # --- one letter -------------------------------------------------------------------------------------------------

    async def _publish_into(self, outcomes: list[PublishFailed | None], number: int, letter: Letter) -> None:
        failure = outcomes[number] = await self._attempt(letter)
        if failure is None:
            self.num_published += 1
            return
        self.num_failed += 1
        self._log.warn("amqp_publish_failed", publisher=self.name, exchange=letter.exchange, reason=str(failure))

    async def _attempt(self, letter: Letter) -> PublishFailed | None:
        try:
            async with asyncio.timeout(self._deadline_s), self._room, self._alone(letter.message_id):
                await self._send(letter)
        except PublishFailed as failure:
            return failure
        except LinkLost as exc:
            return PublishFailed(LOST, str(exc))
        except TimeoutError:
            return self._overdue()
        except (ValueError, TypeError, OverflowError) as exc:
            return PublishFailed(INVALID, str(exc))
        return None

    async def _send(self, letter: Letter) -> None:
        channel = await self._free_line()
        with losing_the_link("publishing"):
            try:
                await channel.basic_publish(
                    letter.body,
                    exchange=letter.exchange,
                    routing_key=letter.routing_key,
                    properties=letter.properties,
                    mandatory=True,
                )
            except PublishError as exc:
                raise PublishFailed(RETURNED, str(exc)) from exc
            except DeliveryError as exc:
                raise PublishFailed(NACKED, str(exc)) from exc

    async def _free_line(self) -> AbstractChannel:
        """Nothing is sent into a blocked connection: it would come out long after it had been given up."""
        while True:
            await self._has_line.wait()
            assert self._line is not None, "set together"
            link, channel = self._line
            if channel.is_closed:
                self._put_through(None)
            elif await link.is_blocked():
                self._is_blocked = True
                await link.unblocked()
            else:
                return channel

    @asynccontextmanager
    async def _alone(self, message_id: str) -> AsyncIterator[None]:
        """One letter of this id at a time: the driver tells returned letters apart by it."""
        while (other := self._on_the_way.get(message_id)) is not None:
            await other.wait()
        mine = self._on_the_way[message_id] = asyncio.Event()
        try:
            yield
        finally:
            del self._on_the_way[message_id]
            mine.set()

    def _overdue(self) -> PublishFailed:
        """A broker that neither confirms nor says that it is blocked may be gone: a new connection will show."""
        if self._line is None:
            return PublishFailed(UNAVAILABLE, self._trouble)
        if self._is_blocked:
            return PublishFailed(BLOCKED)
        self._line[0].cut()
        return PublishFailed(TIMEOUT)
