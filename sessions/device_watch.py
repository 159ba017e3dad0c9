"""Tells a user's devices which of them are connected: `device.online`, and `device.offline` after a grace.

At most once, as presence is: a node that dies announces nothing, and two nodes that a device comes to at the same
moment may each think the other has announced it. `sessions.list` is the truth. One task per node, none per connection.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct

from hub.errors import EngineUnavailable, ReplyError
from hub.publishing import How
from sessions import events
from sessions.channels import sessions_channel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.connection import Connection
    from hub.hub import Hub
    from hub.protocol.messages import ClientInfo

_Value = TypeVar("_Value")

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 50_000
"""Arrivals, and departures in their grace, that may wait each; beyond, the oldest go untold and are counted."""

_LIVE_ONLY: Final = How(skip_history=True)


class Device(NamedTuple):
    sid: str
    user: str
    did: str


class _About(Struct):
    sid: str = ""


_ABOUT: Final = msgspec.json.Decoder(_About)


def sid_of(info: ClientInfo) -> str:
    """The session of a connection as the presence of `sessions:#<user>` has it; "" if that is not ours."""
    if info.chan_info is UNSET:
        return ""
    try:
        return _ABOUT.decode(info.chan_info).sid
    except msgspec.DecodeError:
        return ""


class DeviceWatch:
    """Which sessions have connections on this node, and whom that has to be told."""

    def __init__(self, hub: Hub, grace_s: float) -> None:
        self._hub = hub
        self._grace_s = grace_s
        self._arrived: dict[str, Device] = {}
        self._leaving: dict[str, tuple[Device, float]] = {}  # in the order of their time
        self._here: set[str] = set()
        self._wake = asyncio.Event()
        self.untold = 0

    def came(self, connection: Connection) -> None:
        """A connection was established."""
        device = _device(connection)
        if self._leaving.pop(device.sid, None) is not None:
            self._here.add(device.sid)
        elif device.sid not in self._here:
            self._here.add(device.sid)
            self._put(self._arrived, device.sid, device)

    def went(self, connection: Connection) -> None:
        """A connection is gone."""
        device = _device(connection)
        if device.sid not in self._here or self._hub.registry.of_session(device.sid):
            return
        self._here.discard(device.sid)
        at_s = self._hub.clock.monotonic_s() + self._grace_s
        self._put(self._leaving, device.sid, (device, at_s))

    async def tell_arrivals(self) -> None:
        """Announce the devices that no other node has connections of."""
        while self._arrived:
            sid, device = next(iter(self._arrived.items()))
            del self._arrived[sid]
            await self._tell(device, events.device_online(device.sid, device.did, self._now_ms()))

    async def tell_departures(self) -> None:
        """Announce the devices whose grace is over."""
        now_s = self._hub.clock.monotonic_s()
        while self._leaving:
            sid, (device, at_s) = next(iter(self._leaving.items()))
            if at_s > now_s:
                return
            del self._leaving[sid]
            await self._tell(device, events.device_offline(device.sid, device.did, self._now_ms()))

    async def run(self) -> None:
        """Tell what is to be told; the supervisor's task."""
        while True:
            await self._wait()
            await self.tell_arrivals()
            await self.tell_departures()

    def _put(self, waiting: dict[str, _Value], sid: str, value: _Value) -> None:
        if len(waiting) >= MAX_WAITING:
            del waiting[next(iter(waiting))]
            self.untold += 1
        waiting[sid] = value
        self._wake.set()

    async def _wait(self) -> None:
        """Until something has happened, or a grace is over."""
        delay_s = None
        if self._leaving:
            _, at_s = next(iter(self._leaving.values()))
            delay_s = max(0.0, at_s - self._hub.clock.monotonic_s())
        try:
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _tell(self, device: Device, event: bytes) -> None:
        """At most once: what cannot be told now is told by the list."""
        channel = sessions_channel(device.user)
        try:
            if not self._is_elsewhere(device.sid, await self._hub.engine.presence(channel)):
                await self._hub.publish(channel, event, how=_LIVE_ONLY)
        except (EngineUnavailable, ReplyError):
            self.untold += 1
            logger.warning("device_not_announced")

    def _is_elsewhere(self, sid: str, present: Mapping[str, ClientInfo]) -> bool:
        """Whether another node has connections of the session; those of this one are in its registry."""
        here = self._hub.registry.by_client
        return any(client not in here and sid_of(info) == sid for client, info in present.items())

    def _now_ms(self) -> int:
        return int(self._hub.clock.now_s() * 1000)


def _device(connection: Connection) -> Device:
    session = connection.session
    assert session is not None, "only connections with a session are watched"
    return Device(session.sid, connection.user, session.did)
