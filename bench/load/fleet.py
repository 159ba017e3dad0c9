"""Users with several devices each, all following one document of the user; the first device of each writes to it."""

from __future__ import annotations

import itertools
import os
import select
import socket
import time
from collections import deque
from collections.abc import Sequence

import msgspec

from bench.load.accounts import Roster
from bench.load.closed_loop import LoopReport
from bench.load.dialects import Centrifuge, Refused
from bench.load.dialer import Dialer
from bench.load.frames import client_frame, end_of_frames
from bench.load.latency import Latencies
from bench.load.state_messages import Change, Reply, merge, messages, opening
from bench.load.target import Target

_SILENCE_S = 10.0
_READ_BYTES = 65536
_PONG = client_frame(b"{}")


_numbers = itertools.count(1)
"""Of mutations, over all fleets of this process: a number that was used before would be taken for a repeat."""


class PacedReport(msgspec.Struct, frozen=True):
    """An open loop: a mutation is due at its time, whether or not the last was answered. Latencies count from then."""

    mutations: int
    elapsed_s: float
    acknowledged_p50_ms: float
    acknowledged_p99_ms: float
    everywhere_p50_ms: float  # on the last of the user's devices, the writer included
    everywhere_p99_ms: float


class _Device:
    __slots__ = ("connection", "is_writer", "next_version", "unfinished", "user")

    def __init__(self, connection: socket.socket, user: int, *, is_writer: bool) -> None:
        self.connection = connection
        self.user = user
        self.is_writer = is_writer
        self.next_version = 0  # of the next change; 0: whatever comes first
        self.unfinished = b""


class Fleet:
    """Everything that arrives is checked: each device gets each version of its document once and in order.

    Args:
        connections: joined; all devices of the first user, then all of the second.
    """

    def __init__(self, connections: Sequence[socket.socket], devices_per_user: int) -> None:
        self._devices = {
            connection.fileno(): _Device(connection, index // devices_per_user, is_writer=not index % devices_per_user)
            for index, connection in enumerate(connections)
        }
        self._writers = [device for device in self._devices.values() if device.is_writer]
        self._followers = devices_per_user  # of each document; its writer is one of them
        self._epoll = select.epoll()
        for descriptor in self._devices:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._sent = 0
        self._due_ns: dict[int, int] = {}  # by the mutation's number
        self._missing: dict[int, int] = {}  # how many devices a mutation has not reached
        self._unanswered = 0
        self._idle: deque[_Device] = deque()
        self._acknowledged = Latencies()
        self._everywhere = Latencies()

    def write(self, seconds: float) -> LoopReport:
        """Closed loop: every writer sends its next mutation when the last has been answered.

        It is over when every mutation is on every device: a server that falls behind with publishing gains nothing.
        """
        started_ns, busy_from_ns, first = time.monotonic_ns(), time.process_time_ns(), self._sent
        deadline_ns = started_ns + int(seconds * 1e9)
        self._idle.extend(self._writers)
        self._send_next(deadline_ns)
        while self._unanswered:
            self._receive(_SILENCE_S)
            self._send_next(deadline_ns)
        self._drain()
        elapsed_ns, busy_ns = time.monotonic_ns() - started_ns, time.process_time_ns() - busy_from_ns
        return LoopReport(self._sent - first, elapsed_ns / 1e9, busy_ns / elapsed_ns)

    def write_paced(self, per_second: float, seconds: float) -> PacedReport:
        """Open loop: writers take turns, one mutation every `1 / per_second`. The core is this process's: it spins."""
        self._acknowledged.clear()
        self._everywhere.clear()
        started_ns, first, interval_ns = time.monotonic_ns(), self._sent, int(1e9 / per_second)
        due_ns, end_ns = started_ns + interval_ns, started_ns + int(seconds * 1e9)
        while due_ns < end_ns:
            while due_ns < min(time.monotonic_ns(), end_ns):
                self._send(self._writers[self._sent % len(self._writers)], due_ns)
                due_ns += interval_ns
            self._receive(0)
        self._drain()
        elapsed_s = (time.monotonic_ns() - started_ns) / 1e9
        latencies = [*self._acknowledged.percentiles_ms(0.5, 0.99), *self._everywhere.percentiles_ms(0.5, 0.99)]
        return PacedReport(self._sent - first, elapsed_s, *latencies)

    def close(self) -> None:
        self._epoll.close()
        for device in self._devices.values():
            device.connection.close()

    def _send_next(self, deadline_ns: int) -> None:
        """For every writer that waits for nothing, until the time is over."""
        while self._idle and (now_ns := time.monotonic_ns()) < deadline_ns:
            self._send(self._idle.popleft(), now_ns)

    def _send(self, device: _Device, due_ns: int) -> None:
        number = next(_numbers)
        self._due_ns[number] = due_ns
        self._missing[number] = self._followers
        self._unanswered += 1
        self._sent += 1
        device.connection.sendall(merge(number))

    def _drain(self) -> None:
        """Until everything sent has been answered and is everywhere."""
        while self._unanswered or self._missing:
            self._receive(_SILENCE_S)
        self._idle.clear()
        self._due_ns.clear()

    def _receive(self, within_s: float) -> None:
        events = self._epoll.poll(within_s, 256)
        if not events and within_s:
            raise Refused(f"{self._unanswered} mutations without answer, {len(self._missing)} not everywhere, silence")
        for descriptor, _ in events:
            device = self._devices[descriptor]
            chunk = os.read(descriptor, _READ_BYTES)
            if not chunk:
                raise Refused("the server closed a connection")
            buffer = device.unfinished + chunk
            end = end_of_frames(buffer)
            device.unfinished = buffer[end:]
            self._take(device, buffer[:end])

    def _take(self, device: _Device, whole_frames: bytes) -> None:
        now_ns = time.monotonic_ns()
        for message in messages(whole_frames):
            if message is None:
                device.connection.sendall(_PONG)
            elif isinstance(message, Reply):
                self._answered(device, message, now_ns)
            else:
                self._changed(device, message, now_ns)

    def _answered(self, device: _Device, reply: Reply, now_ns: int) -> None:
        self._unanswered -= 1
        self._idle.append(device)
        self._acknowledged.add(now_ns - self._due_ns[reply.id])

    def _changed(self, device: _Device, change: Change, now_ns: int) -> None:
        if device.next_version not in (0, change.version):
            raise Refused(f"version {change.version} where {device.next_version} was next")
        device.next_version = change.version + 1
        number = change.patch.n
        self._missing[number] -= 1
        if not self._missing[number]:
            del self._missing[number]
            self._everywhere.add(now_ns - self._due_ns[number])


def open_fleet(target: Target, roster: Roster, users: int, devices: int) -> Fleet:
    """Each user's devices are dialled together: which of them writes does not matter."""
    connections: list[socket.socket] = []
    for user in range(users):
        logins = roster.devices(user, devices)
        connections += Dialer(target, Centrifuge(), "").dial(
            [opening(login.user, login.access_token) for login in logins]
        )
    return Fleet(connections, devices)
