"""Who is in which channel, each under a lease. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from hub.engine import PresenceStats
from hub.engines.memory.deadlines import Deadlines
from hub.protocol.messages import ClientInfo

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lease(Struct, frozen=True, gc=False):
    info: ClientInfo
    expires_at_s: float


class Presence:
    """Leases by channel and client id. A lease that was not renewed is not seen any more, swept or not."""

    __slots__ = ("_channels", "_deadlines")

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, Lease]] = {}
        self._deadlines: Deadlines[tuple[str, str]] = Deadlines()

    @property
    def num_channels(self) -> int:
        return len(self._channels)

    @property
    def num_deadlines(self) -> int:
        return len(self._deadlines)

    def renew(self, channel: str, client_id: str, lease: Lease) -> None:
        """Add the client, or replace its lease."""
        self._channels.setdefault(channel, {})[client_id] = lease
        self._deadlines.watch((channel, client_id), lease.expires_at_s)

    def remove(self, channel: str, client_id: str) -> None:
        """Forget the client; no matter whether it was there."""
        leases = self._channels.get(channel)
        if leases is None or leases.pop(client_id, None) is None:
            return
        if not leases:
            del self._channels[channel]

    def clients(self, channel: str, now_s: float) -> dict[str, ClientInfo]:
        return dict(self._present(channel, now_s))

    def stats(self, channel: str, now_s: float) -> PresenceStats:
        users = [info.user for _, info in self._present(channel, now_s)]
        return PresenceStats(num_clients=len(users), num_users=len(set(users)))

    def sweep(self, now_s: float, budget: int) -> int:
        """Look at no more than `budget` leases that may have expired and free those that have. Return how many."""
        steps = 0
        while steps < budget and (key := self._deadlines.pop_due(now_s)) is not None:
            steps += 1
            self._expire(*key, now_s)
        return steps

    def _present(self, channel: str, now_s: float) -> Iterator[tuple[str, ClientInfo]]:
        leases = self._channels.get(channel, {})
        return ((client_id, lease.info) for client_id, lease in leases.items() if lease.expires_at_s > now_s)

    def _expire(self, channel: str, client_id: str, now_s: float) -> None:
        lease = self._channels.get(channel, {}).get(client_id)
        if lease is None:
            return
        if lease.expires_at_s <= now_s:
            self.remove(channel, client_id)
        else:
            self._deadlines.watch((channel, client_id), lease.expires_at_s)
