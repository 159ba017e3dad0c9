"""A subscriber that stops reading, and what it costs the server until it is gone."""

from __future__ import annotations

import socket
import time

import msgspec

from bench.load.dialects import Dialect
from bench.load.dialer import Dialer
from bench.load.socket_probe import SocketProbe
from bench.load.swarm import Swarm
from bench.load.target import Target
from bench.process_tree import ProcessTree

FULL_BYTES = 1 << 20
"""Centrifugo's `queue_max_size` and this project's `max_outbox_bytes`."""

_RECEIVE_BUFFER_BYTES = 4096
_ETHERNET_MSS_BYTES = 1448
"""With loopback's segments of 64 KiB the server's kernel would take 4 MB before the server notices anything."""


class StallReport(msgspec.Struct, frozen=True):
    rss_growth_bytes: int  # highest of the phase, over that at its beginning
    full_after_s: float  # until 1 MiB for it was in neither kernel's queue, or until it was gone, if that was earlier
    gone_after_s: float | None  # until the server let go of the socket; None: it has not


class RssWatch:
    """The same phase without a stalled client: `bursts` of them, and how much memory the server gained."""

    def __init__(self, server: ProcessTree, bursts: int) -> None:
        self._server = server
        self._left = bursts
        self._before_bytes = self._peak_bytes = server.rss_bytes()

    def after_burst(self) -> bool:
        self._peak_bytes = max(self._peak_bytes, self._server.rss_bytes())
        self._left -= 1
        return self._left > 0

    @property
    def growth_bytes(self) -> int:
        return self._peak_bytes - self._before_bytes


def open_stalled(target: Target, dialect: Dialect, channel: str, token: str) -> socket.socket:
    """Joined, and never read again: small receive buffer, segments as over Ethernet."""
    options = [
        (socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES),
        (socket.IPPROTO_TCP, socket.TCP_MAXSEG, _ETHERNET_MSS_BYTES),
    ]
    [stalled] = Dialer(target, dialect, channel, options).dial([dialect.opening(channel, token)])
    return stalled


class StallWatch:
    """Looks after each burst at the server's memory and at its end of the stalled connection.

    Whatever the witness has received and is in neither kernel's queue of the stalled connection, the server holds.
    """

    def __init__(self, server: ProcessTree, swarm: Swarm, stalled: socket.socket, *, give_up_after_s: float) -> None:
        self._rss = RssWatch(server, bursts=1)
        self._swarm = swarm
        self._ends = (stalled.getpeername(), stalled.getsockname())
        self._probe = SocketProbe()
        self._give_up_after_s = give_up_after_s
        self._received_before = swarm.witness_bytes
        self._started_ns = time.monotonic_ns()
        self._full_after_s: float | None = None
        self._gone_after_s: float | None = None

    def after_burst(self) -> bool:
        self._rss.after_burst()
        server_end = self._probe.state(*self._ends)
        elapsed_s = (time.monotonic_ns() - self._started_ns) / 1e9
        if not server_end.is_held:
            self._gone_after_s = elapsed_s
            return False
        if self._full_after_s is None and self._pending_bytes(server_end.unsent_bytes) >= FULL_BYTES:
            self._full_after_s = elapsed_s
        return elapsed_s < (self._full_after_s or 0.0) + self._give_up_after_s

    def report(self) -> StallReport:
        self._probe.close()
        reached = self._full_after_s if self._full_after_s is not None else (self._gone_after_s or 0.0)
        return StallReport(self._rss.growth_bytes, reached, self._gone_after_s)

    def _pending_bytes(self, unsent_bytes: int) -> int:
        """What the server itself, and not a kernel, has to hold for the stalled client unless it has given it up."""
        server, client = self._ends
        in_kernels = unsent_bytes + self._probe.state(client, server).unread_bytes
        return self._swarm.witness_bytes - self._received_before - in_kernels
