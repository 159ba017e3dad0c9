"""The port through which an engine finds its servers: one, one of several behind Sentinel, or those of a cluster.

An engine keeps one bus (a command and a pub/sub link) to each primary that the map names. It asks for the map at start,
every `refresh_interval_s`, and whenever it has reason to believe that it changed: a bus lost its server, or a server
answered that it is not the one (MOVED, READONLY, LOADING and the like). Channels whose primary is another one in the
new map are subscribed there and read from their last position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.engines.redis.config import Address
    from hub.engines.redis.link import Link

NUM_SLOTS = 16_384


class WrongServer(Exception):
    """It answers, but it is not what it should be: a replica, still loading, of another cluster. Ask for the map."""


@dataclass(frozen=True, slots=True)
class ServerMap:
    """Who holds what at this moment.

    Attributes:
        primaries: in any order, none twice; a primary that nobody knows at the moment is missing.
        by_slot: for each of the NUM_SLOTS slots the index of its primary in `primaries`, -1 where nobody serves it;
            None where there are no slots: the one primary has everything.
    """

    primaries: tuple[Address, ...]
    by_slot: Sequence[int] | None = None

    def of(self, slot: int) -> Address | None:
        """The primary that serves a slot; None when nobody does."""
        if self.by_slot is None:
            return self.primaries[0] if self.primaries else None
        index = self.by_slot[slot]
        return self.primaries[index] if index >= 0 else None


class Topology(Protocol):
    """Event-loop thread only. Holds no connection between calls that `close` would not end."""

    @property
    def is_cluster(self) -> bool:
        """Whether keys have slots and pub/sub is sharded (SSUBSCRIBE, SPUBLISH)."""

    @property
    def refresh_interval_s(self) -> float:
        """How often the map is asked for without a reason."""

    async def locate(self) -> ServerMap:
        """Ask who is primary, now.

        Raises:
            EngineUnavailable: nobody knows, within the topology's own deadline (`io_timeout_s` in all).
        """

    async def vet(self, link: Link) -> None:
        """Refuse a server that has just been connected to and let us in, but is not a primary.

        Raises:
            WrongServer: the link is closed and the map asked for again.
            EngineUnavailable: no answer in time.
        """

    async def close(self) -> None:
        """Give up whatever it keeps open. Never fails."""


class Standalone:
    """One server at a known address."""

    is_cluster = False
    refresh_interval_s = 3600.0

    def __init__(self, address: Address) -> None:
        self._map = ServerMap((address,))

    async def locate(self) -> ServerMap:
        return self._map

    async def vet(self, link: Link) -> None:
        """Whatever it is: a replica's first refusal to write says more than we could."""

    async def close(self) -> None:
        """Nothing is open."""
