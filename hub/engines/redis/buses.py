"""A bus to each primary of the map, and the way of a command to the one that holds its keys."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from hub.engines.redis.bus import Bus, Surroundings
from hub.engines.redis.failures import LinkLost, ServerError
from hub.engines.redis.topology import ServerMap
from hub.errors import EngineUnavailable
from hub.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.clock import Clock
    from hub.complaints import Complaints
    from hub.engines.redis.config import Address, RedisConfig
    from hub.engines.redis.link import Link
    from hub.engines.redis.scripts import Script
    from hub.engines.redis.subscriber import Route
    from hub.engines.redis.topology import Topology

MAX_WAITING: Final = 5_000
"""Calls that wait for a connection; beyond, they fail at once."""

REFRESH_PAUSE_S: Final = 0.1
"""The map is not asked for more often than this, however much is suspected."""

REPLICA_WORDS: Final = frozenset({"READONLY", "MASTERDOWN"})

RETRY_PAUSE_S: Final = 0.05
"""Before a command that a server refused to carry out (it is loading, the slot has moved) is sent again."""


Argument = bytes | str | int


class Call(Struct, frozen=True, gc=False):
    """A script and what it is given.

    Attributes:
        slot: of its keys.
        is_repeatable: carried out twice it does no more than once; else a lost answer is the caller's to deal with.
    """

    script: Script
    slot: int
    keys: tuple[bytes, ...]
    args: tuple[Argument, ...]
    is_repeatable: bool = False


class Buses:
    """Event-loop thread only.

    Args:
        on_data: see Surroundings.

    Attributes:
        routes: everything this node listens to, by name, whichever bus it is on at the moment.
        round_trip_s: from a call to its answer, of those that were answered at the first attempt.
    """

    def __init__(
        self,
        config: RedisConfig,
        clock: Clock,
        topology: Topology,
        complaints: Complaints,
        on_data: Callable[[], object],
    ) -> None:
        self.routes: dict[bytes, Route] = {}
        self.resent = 0
        self.round_trip_s = Histogram()
        self._topology = topology
        self._complaints = complaints
        self._monotonic_s = clock.monotonic_s
        self._timeout_s = config.io_timeout_s
        self._around = Surroundings(config, clock, topology, complaints, on_data, self._tell_news, self.suspect)
        self._map = ServerMap(())
        self._buses: dict[Address, Bus] = {}
        self._runs: dict[Address, asyncio.Task[None]] = {}
        self._unknown_since_s = clock.monotonic_s()
        self._suspicion = asyncio.Event()
        self._news = asyncio.Event()
        self._num_waiting = 0
        self._to_attach_again: set[Route] = set()

    @property
    def all(self) -> list[Bus]:
        return list(self._buses.values())

    @property
    def in_flight(self) -> int:
        return sum(bus.commands.in_flight for bus in self.all if bus.commands is not None)

    @property
    def num_waiting(self) -> int:
        return self._num_waiting

    # --- commands ---------------------------------------------------------------------------------------------------

    async def call(self, call: Call) -> Any:
        """Run a script where its keys are.

        Hot: what is here happens for every publication.

        Raises:
            EngineUnavailable: no answer within `io_timeout_s`, or none to be expected; the cause says whether it may
                have been carried out.
        """
        started_s = self._monotonic_s()
        link = self._link_to(call.slot)
        if link is None:
            return await self._call_when_possible(call, started_s, None)
        try:
            answer = await _evaluated(link, call)
        except (ServerError, LinkLost) as exc:
            _leave_replica(link, exc)
            return await self._call_when_possible(call, started_s, exc)
        self.round_trip_s.observe(self._monotonic_s() - started_s)
        return answer

    async def _call_when_possible(self, call: Call, started_s: float, failure: Exception | None) -> Any:
        if self._num_waiting >= MAX_WAITING:
            raise EngineUnavailable("too many calls wait for Redis")
        self._num_waiting += 1
        try:
            async with asyncio.timeout(max(0.0, started_s + self._timeout_s - self._monotonic_s())):
                return await self._persist(call, failure)
        except TimeoutError as exc:
            raise EngineUnavailable("Redis gave no answer in time") from (failure or exc)
        finally:
            self._num_waiting -= 1

    async def _persist(self, call: Call, failure: Exception | None) -> Any:
        """Send it once there is somebody to send it to; after a lost answer once more, if it is repeatable."""
        may_resend = call.is_repeatable
        while True:
            if isinstance(failure, LinkLost):
                if not may_resend:
                    raise failure
                may_resend = False
                self.resent += 1
            elif isinstance(failure, ServerError):
                await self._think_over(failure)
            link = await self._next_link(call.slot)
            try:
                return await _evaluated(link, call)
            except (ServerError, LinkLost) as exc:
                _leave_replica(link, exc)
                failure = exc

    async def _think_over(self, error: ServerError) -> None:
        """Whether the command may be sent again, and not at once."""
        if not error.is_not_executed:
            self._complaints.add("redis_error", reason=str(error))
            raise EngineUnavailable(f"Redis refused: {error}") from error
        self._complaints.add("redis_not_executed", reason=error.word)
        self.suspect()
        await asyncio.sleep(random.uniform(RETRY_PAUSE_S / 2, RETRY_PAUSE_S))

    def _link_to(self, slot: int) -> Link | None:
        bus = self._bus_of(slot)
        link = None if bus is None else bus.commands
        return None if link is None or link.is_closed else link

    async def _next_link(self, slot: int) -> Link:
        """Wait for a connection; not where there has been none for as long as a call may take anyhow."""
        while (link := self._link_to(slot)) is None:
            bus = self._bus_of(slot)
            down_since_s = self._unknown_since_s if bus is None else bus.down_since_s
            if down_since_s is not None and self._monotonic_s() - down_since_s > self._timeout_s:
                raise EngineUnavailable("no connection to Redis")
            await self._news.wait()
        return link

    # --- listening --------------------------------------------------------------------------------------------------

    def attach(self, route: Route) -> None:
        """Listen to it wherever its slot is, from now on; `route.attached` is told when its messages come."""
        self.routes[route.name] = route
        bus = self._bus_of(route.slot)
        if bus is not None:
            bus.attach(route)

    def attach_again(self, route: Route) -> None:
        """It was refused where the map says it is: the map is asked for, then it is tried anew."""
        self._to_attach_again.add(route)
        self.suspect()

    def detach(self, route: Route) -> None:
        self._to_attach_again.discard(route)
        if self.routes.get(route.name) is route:
            del self.routes[route.name]
        for bus in self.all:
            bus.detach(route)

    def replace_subscribers(self, why: str) -> None:
        for bus in self.all:
            bus.replace_subscriber(why)

    def heard_at_s(self, slot: int) -> float | None:
        """When a message to ourselves last came back from the primary of a slot; None while there is none."""
        bus = self._bus_of(slot)
        return None if bus is None else bus.canary.back_at_s

    def _bus_of(self, slot: int) -> Bus | None:
        address = self._map.of(slot)
        return None if address is None else self._buses.get(address)

    # --- the map ----------------------------------------------------------------------------------------------------

    def suspect(self) -> None:
        """Something does not fit the map: ask for it anew."""
        self._suspicion.set()

    def _tell_news(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Keep map and connections, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._suspicion.clear()
                await self._refresh(tasks)
                await asyncio.sleep(random.uniform(REFRESH_PAUSE_S / 2, REFRESH_PAUSE_S))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._topology.refresh_interval_s):
                        await self._suspicion.wait()

    async def _refresh(self, tasks: asyncio.TaskGroup) -> None:
        try:
            found = await self._topology.locate()
        except Exception as exc:  # noqa: BLE001  # it may talk nonsense: one more reason to ask again
            reason = str(exc) if isinstance(exc, EngineUnavailable) else repr(exc)
            self._complaints.add("redis_map_unavailable", reason=reason)
            self._suspicion.set()
            return
        if found != self._map:
            self._apply(found, tasks)
        again, self._to_attach_again = self._to_attach_again, set()
        for route in again:
            bus = self._bus_of(route.slot)
            if bus is not None and self.routes.get(route.name) is route:
                bus.attach(route)

    def _apply(self, found: ServerMap, tasks: asyncio.TaskGroup) -> None:
        self._map = found
        for address in found.primaries:
            if address not in self._buses:
                bus = self._buses[address] = Bus(address, self._around)
                self._runs[address] = tasks.create_task(bus.run(), name=f"redis {address}")
        for address in set(self._buses) - set(found.primaries):
            self._buses.pop(address).routes.clear()  # or, when it ends, it would tell them that they are detached
            self._runs.pop(address).cancel()
        for route in list(self.routes.values()):
            self._move(route)
        if not found.primaries:
            self._unknown_since_s = self._monotonic_s()
        self._tell_news()

    def _move(self, route: Route) -> None:
        """To the bus that has its slot now. What was missed in between is read from its stream once it is attached."""
        home = self._bus_of(route.slot)
        if home is not None and home.routes.get(route.name) is route:
            return
        for bus in self.all:
            if bus is not home and bus.routes.get(route.name) is route:
                bus.detach(route)
        route.detached()
        if home is not None:
            home.attach(route)


def _evaluated(link: Link, call: Call) -> Awaitable[Any]:
    return link.call(b"EVALSHA", call.script.sha, len(call.keys), *call.keys, link.incarnation, *call.args)


def _leave_replica(link: Link, failure: Exception) -> None:
    """A server that has become a replica may be primary again in a moment, without what it had: in another life."""
    if isinstance(failure, ServerError) and failure.word in REPLICA_WORDS:
        link.close("the server is a replica")
