"""A TCP proxy that fails as networks do: cut, refused, silent, half open, late, slow, sliced, corrupted.

Every fault holds for all connections or for those a predicate picks, in one direction or both, until `mend`. What is
random is drawn from the proxy's seed and the connection's number, so a run is repeated by repeating its seed.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tests.lab.proxy_link import HOST, Link
from tests.lab.toxics import Swallow
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.lab.proxy_link import ProxyStream
    from tests.lab.toxics import Toxic


class Direction(Enum):
    """From whom the bytes come."""

    UP = "up"  # from the client
    DOWN = "down"  # from the server


BOTH = (Direction.UP, Direction.DOWN)


class Door(Enum):
    """What becomes of a new connection."""

    OPEN = "open"
    RESETS = "resets"
    SILENT = "silent"  # taken, and never answered


def any_link(link: Link) -> bool:
    """All connections."""
    return True


def sent(needle: bytes) -> Callable[[Link], bool]:
    """Connections whose client has sent `needle` among its first bytes: those that subscribe, for example."""
    return lambda link: needle in link.first_up


@dataclass(frozen=True, eq=False)
class _Dose:
    """A toxic, and where it applies."""

    toxic: Toxic
    directions: tuple[Direction, ...]
    where: Callable[[Link], bool]

    def applies_to(self, stream: ProxyStream) -> bool:
        direction = Direction.UP if stream.is_up else Direction.DOWN
        return direction in self.directions and self.where(stream.link)


class FaultProxy:
    """Forwards bytes both ways, unchanged, until somebody wants otherwise.

    Attributes:
        links: the connections that are open, the oldest first.
        num_knocks: connections that came so far, those that were reset at the door too.
        num_accepted: those that were taken.
    """

    def __init__(self, port: int, *, seed: int = 0, host: str = HOST) -> None:
        self.target_host = host
        self.target_port = port
        self.port = free_port()
        self.links: list[Link] = []
        self.num_knocks = 0
        self.num_accepted = 0
        self._seed = seed
        self._door = Door.OPEN
        self._doses: list[_Dose] = []
        self._trap: _Trap | None = None
        self._server: asyncio.Server | None = None

    @property
    def ws_url(self) -> str:
        return f"ws://{HOST}:{self.port}/connection/websocket"

    @property
    def http_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    # --- its life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen on `port`. A second call does nothing."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: self._new_link().client, HOST, self.port)

    async def close(self) -> None:
        await self._stop_listening()

    # --- faults -----------------------------------------------------------------------------------------------------

    def reset(self, where: Callable[[Link], bool] = any_link) -> int:
        """Reset the connections that are open now; how many. New ones are none of its business."""
        chosen = [link for link in self.links if where(link)]
        for link in chosen:
            link.abort()
        return len(chosen)

    def cut(self) -> None:
        """Reset every connection, and every new one until `mend`."""
        self._door = Door.RESETS
        self.reset()

    async def refuse(self) -> None:
        """Reset every connection, and close the port until `heal`: nothing listens there."""
        await self._stop_listening()

    def blackhole(self) -> None:
        """Bytes are taken and gone in both directions, and new connections are never answered, until `mend`."""
        self._door = Door.SILENT
        self.add(Swallow())

    def half_open(self, direction: Direction, where: Callable[[Link], bool] = any_link) -> None:
        """Bytes of one direction are taken and gone, those of the other go on, until `mend`."""
        self.add(Swallow(), direction, where=where)

    def cut_reply_once(self, needle: bytes = b"") -> asyncio.Event:
        """Let the next request that contains `needle` through, and reset its connection when the server answers.

        The server has done what it was asked; the client cannot know. The event is set once it happened.
        """
        self._trap = _Trap(needle)
        return self._trap.has_sprung

    def add(self, toxic: Toxic, *directions: Direction, where: Callable[[Link], bool] = any_link) -> Callable[[], None]:
        """Apply a toxic to what arrives from now on; both directions when none is named. The answer removes it."""
        dose = _Dose(toxic, directions or BOTH, where)
        self._doses.append(dose)
        return lambda: self._remove(dose)

    def mend(self) -> None:
        """End every fault but `refuse`. Connections that have lost bytes are reset: they cannot go on."""
        self._door = Door.OPEN
        self._doses.clear()
        self._trap = None
        self.reset(lambda link: link.has_lost_bytes)
        for link in tuple(self.links):
            link.flush()

    async def heal(self) -> None:
        """`mend`, and listen again."""
        self.mend()
        await self.start()

    # --- what a link asks -------------------------------------------------------------------------------------------

    @property
    def door(self) -> Door:
        return self._door

    def toxics_of(self, stream: ProxyStream) -> list[Toxic]:
        return [dose.toxic for dose in self._doses if dose.applies_to(stream)] if self._doses else []

    def springs(self, stream: ProxyStream, data: bytes) -> bool:
        """Whether this connection has to go now, before `data` is forwarded."""
        if self._trap is None or not self._trap.springs(stream, data):
            return False
        self._trap = None
        return True

    def forget(self, link: Link) -> None:
        with suppress(ValueError):
            self.links.remove(link)

    def _new_link(self) -> Link:
        link = Link(self, self.num_knocks, random.Random(f"{self._seed}/{self.num_knocks}"))
        self.num_knocks += 1
        self.links.append(link)
        return link

    def _remove(self, dose: _Dose) -> None:
        with suppress(ValueError):
            self._doses.remove(dose)
        for link in tuple(self.links):
            link.flush()

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self.reset()
            await self._server.wait_closed()
            self._server = None


class _Trap:
    """Waits for a request, then for its answer."""

    def __init__(self, needle: bytes) -> None:
        self.has_sprung = asyncio.Event()
        self._needle = needle
        self._asked: Link | None = None

    def springs(self, stream: ProxyStream, data: bytes) -> bool:
        if stream.is_up:
            if self._asked is None and self._needle in data:
                self._asked = stream.link
            return False
        if stream.link is not self._asked:
            return False
        self.has_sprung.set()
        return True


@asynccontextmanager
async def fault_proxy_to(port: int, *, seed: int = 0) -> AsyncIterator[FaultProxy]:
    """A proxy on a free port, for as long as the block runs."""
    proxy = FaultProxy(port, seed=seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
