"""The two connections to one primary, kept open and replaced when in doubt."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hub.backoff import Backoff
from hub.engines.redis.failures import LinkFull, LinkLost, ServerError
from hub.engines.redis.incarnation import incarnation_of
from hub.engines.redis.link import Link
from hub.engines.redis.opening import credentials_of, open_link
from hub.engines.redis.scripts import SOURCES
from hub.engines.redis.subscriber import Subscriber
from hub.engines.redis.topology import WrongServer
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.clock import Clock
    from hub.complaints import Complaints
    from hub.engines.redis.config import Address, RedisConfig
    from hub.engines.redis.subscriber import Route
    from hub.engines.redis.topology import Topology

RECONNECT_FIRST_S: Final = 0.05
RECONNECT_MAX_S: Final = 1.0
"""Between attempts to connect."""

CANARY_INTERVAL_S: Final = 1.0
CANARY_TIMEOUT_S: Final = 2.0
"""A message to ourselves that is not back by then: the pub/sub link is taken for dead, however open it looks."""

ROUTES_PER_SLICE: Final = 1_000
"""Routes that a new subscriber attaches before the ones before them are confirmed."""

CONFIRMATION_POLL_S: Final = 0.002


_SPEAKING: Final = (EngineUnavailable, WrongServer, ServerError)
"""Failures whose text says everything."""


class Surroundings(NamedTuple):
    """What every bus of an engine shares.

    Attributes:
        on_data: called before anything that came is looked at.
        on_change: called when a link has come up or gone.
        suspect: called when the map may be wrong.
    """

    config: RedisConfig
    clock: Clock
    topology: Topology
    complaints: Complaints
    on_data: Callable[[], object]
    on_change: Callable[[], object]
    suspect: Callable[[], object]


class Bus:
    """Event-loop thread only.

    Attributes:
        commands: None while there is no connection.
        down_since_s: since when there is no command link; None while there is one.
        routes: what is listened to here, by name.
    """

    def __init__(self, address: Address, around: Surroundings) -> None:
        self.address = address
        self.routes: dict[bytes, Route] = {}
        self.commands: Link | None = None
        self.down_since_s: float | None = around.clock.monotonic_s()
        self.answered_at_s = float("-inf")
        self.canary = Canary(around.clock, f"{around.config.prefix}.canary.{secrets.token_hex(8)}".encode())
        self.routes[self.canary.name] = self.canary
        self._around = around
        self._credentials = credentials_of(around.config)
        self._subscriber: Subscriber | None = None
        self._server_info = b""

    async def run(self) -> None:
        """Until cancelled: then both connections are closed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep(self._open_commands, self._drop_commands))
                tasks.create_task(self._keep(self._open_subscriber, self._drop_subscriber))
                tasks.create_task(self._watch_canary())
        finally:
            for link in (self.commands, self._subscriber):
                if link is not None:
                    link.close("the bus has ended")
            self._drop_commands()
            self._drop_subscriber()

    # --- listening --------------------------------------------------------------------------------------------------

    def attach(self, route: Route) -> None:
        """Listen to it, as long as this bus lives; `route.attached` is told when its messages come."""
        self.routes[route.name] = route
        if self._subscriber is not None:
            self._subscriber.attach(route)

    def detach(self, route: Route) -> None:
        if self.routes.get(route.name) is route:
            del self.routes[route.name]
            if self._subscriber is not None:
                self._subscriber.detach(route)

    def replace_subscriber(self, why: str) -> None:
        """Its messages cannot be relied on."""
        if self._subscriber is not None:
            self._subscriber.close(why)

    @property
    def is_listening(self) -> bool:
        return self._subscriber is not None

    # --- connections ------------------------------------------------------------------------------------------------

    async def _keep(self, open_one: Callable[[], Awaitable[Link]], drop: Callable[[], None]) -> None:
        backoff = Backoff(RECONNECT_FIRST_S, RECONNECT_MAX_S)
        while True:
            opened_at_s = self._around.clock.monotonic_s()
            try:
                link = await open_one()
            except Exception as exc:  # noqa: BLE001  # it may talk nonsense: one more reason to try again
                reason = str(exc) if isinstance(exc, _SPEAKING) else repr(exc)
                self._around.complaints.add("redis_connect_failed", address=str(self.address), reason=reason)
            else:
                await link.lost
                drop()
                self._around.complaints.add("redis_link_lost", address=str(self.address), link=type(link).__name__)
                if self._around.clock.monotonic_s() - opened_at_s > RECONNECT_MAX_S:
                    backoff.reset()  # it held for a while; one that is cut at once is not asked for anew at once
            self._around.suspect()
            await asyncio.sleep(backoff.next_s())

    async def _open_commands(self) -> Link:
        around = self._around
        config = around.config

        def new_link() -> Link:
            return Link(around.clock, config.io_timeout_s, around.on_data)

        link = await open_link(self.address, self._credentials, config.connect_timeout_s, new_link)
        try:
            async with asyncio.timeout(config.connect_timeout_s):
                await self._prepare(link)
        except BaseException as exc:
            link.close("not ready for use")
            if isinstance(exc, TimeoutError):
                raise EngineUnavailable(f"Redis at {self.address}: no answer in time") from exc
            raise
        self.commands, self.down_since_s = link, None
        self.answered_at_s = around.clock.monotonic_s()
        around.on_change()
        return link

    async def _prepare(self, link: Link) -> None:
        """In one round trip, but for the question who it is: over a slow way each is a good part of the time."""
        await self._around.topology.vet(link)
        self._server_info, replication, *_ = await asyncio.gather(
            link.call("INFO", "server"),
            link.call("INFO", "replication"),
            *(link.call("SCRIPT", "LOAD", source) for source in SOURCES),
        )
        link.incarnation = incarnation_of(self._server_info, replication)
        link.scripts = SOURCES

    def _drop_commands(self) -> None:
        if self.commands is not None:
            self.commands, self.down_since_s = None, self._around.clock.monotonic_s()
            self._around.on_change()

    async def _open_subscriber(self) -> Link:
        around = self._around

        def new_link() -> Subscriber:
            timeout_s = around.config.io_timeout_s
            return Subscriber(around.clock, timeout_s, around.on_data, self._on_refused, self._on_failed)

        link = await open_link(self.address, self._credentials, around.config.connect_timeout_s, new_link)
        link.listen(self.routes)
        self.canary.forget()
        self._subscriber = link
        await self._attach_all(link)
        return link

    async def _attach_all(self, subscriber: Subscriber) -> None:
        """Routes that come meanwhile see that there is a subscriber and ask by themselves: twice does no harm."""
        for number, route in enumerate(list(self.routes.values()), 1):
            if self.routes.get(route.name) is route:
                subscriber.attach(route)
            if number % ROUTES_PER_SLICE == 0:
                await self._confirmed(subscriber)

    async def _confirmed(self, subscriber: Subscriber) -> None:
        """A hundred thousand at once would be confirmed in more time than an answer may take."""
        while subscriber.num_unconfirmed > ROUTES_PER_SLICE and not subscriber.is_closed:  # noqa: ASYNC110  # rare
            await asyncio.sleep(CONFIRMATION_POLL_S)

    def _drop_subscriber(self) -> None:
        if self._subscriber is not None:
            self._subscriber = None
            for route in list(self.routes.values()):
                route.detached()

    def _on_refused(self, error: ServerError) -> None:
        self._around.complaints.add("redis_subscribe_refused", address=str(self.address), reason=str(error))
        self._around.suspect()

    def _on_failed(self, error: Exception) -> None:
        self._around.complaints.add("redis_message_failed", cause=error, address=str(self.address))

    # --- the canary -------------------------------------------------------------------------------------------------

    async def _watch_canary(self) -> None:
        while True:
            await asyncio.sleep(CANARY_INTERVAL_S)
            if self._subscriber is None:
                continue
            if self.canary.is_overdue():
                self._around.complaints.add("redis_canary_lost", address=str(self.address))
                self._subscriber.close("the canary did not come back")
            elif self.commands is not None:
                self._send_canary(self.commands)

    def _send_canary(self, link: Link) -> None:
        try:
            link.call("PUBLISH", self.canary.name, "").add_done_callback(_consume)
            link.call("INFO", "replication").add_done_callback(self._on_info)
        except (LinkLost, LinkFull):
            return
        self.canary.sent()

    def _on_info(self, answer: asyncio.Future[Any]) -> None:
        """It answers; whether it is still the same server."""
        link = self.commands
        if answer.exception() is not None or link is None:
            return
        self.answered_at_s = self._around.clock.monotonic_s()
        incarnation = incarnation_of(self._server_info, answer.result())
        if incarnation != link.incarnation:
            link.incarnation = incarnation
            self._around.suspect()


def _consume(answer: asyncio.Future[Any]) -> None:
    """Its failure is noticed elsewhere: the canary does not come back."""
    answer.exception()


class Canary:
    """A message to ourselves, through both links. A Route."""

    is_sharded = False
    slot = 0

    def __init__(self, clock: Clock, name: bytes) -> None:
        self.name = name
        self.back_at_s = float("-inf")
        self._clock = clock
        self._sent_at_s: float | None = None
        self._is_attached = False

    def sent(self) -> None:
        if self._is_attached and self._sent_at_s is None:
            self._sent_at_s = self._clock.monotonic_s()

    def is_overdue(self) -> bool:
        return self._sent_at_s is not None and self._clock.monotonic_s() - self._sent_at_s > CANARY_TIMEOUT_S

    def forget(self) -> None:
        """A new link: nothing is under way on it."""
        self._sent_at_s, self._is_attached = None, False

    def receive(self, data: bytes) -> None:  # noqa: ARG002  that it came is all it says
        self._sent_at_s = None
        self.back_at_s = self._clock.monotonic_s()

    def attached(self) -> None:
        self._is_attached = True
        self.back_at_s = self._clock.monotonic_s()

    def detached(self) -> None:
        self.forget()

    def refused(self, error: ServerError) -> None:
        """Only sharded channels can be refused one by one."""
