from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from bench.load.dialects import Refused
from bench.load.fleet import Fleet
from bench.load.frames import CLOSE, end_of_frames, frames_of, server_frame

USERS, DEVICES = 2, 3

_COMMAND = re.compile(rb'\{"id":(\d+),"rpc":\{"method":"state.merge","data":\{"key":"cart","patch":\{"n":(\d+)\}')


class Command(NamedTuple):
    user: int
    number: bytes
    patch: bytes


Answer = Callable[["Hub", Command], None]


def reply(number: bytes, version: int) -> bytes:
    return server_frame(b'{"id":%s,"rpc":{"data":{"key":"cart","version":%d}}}' % (number, version))


def push(patch: bytes, version: int) -> bytes:
    pub = b'{"data":{"version":%d,"kind":"merge","patch":{"n":%s}},"offset":1}' % (version, patch)
    return server_frame(b'{"push":{"channel":"state:cart#u","pub":%s}}' % pub)


class Hub:
    """The servers' ends, on a thread: publishes to all devices of the user, then answers."""

    def __init__(self, answer: Answer) -> None:
        pairs = [socket.socketpair() for _ in range(USERS * DEVICES)]
        self.devices = [server for server, _ in pairs]
        self.fleet = Fleet([client for _, client in pairs], DEVICES)
        self.versions = [0] * USERS
        self.num_received = 0
        self._answer = answer
        self._threads = [threading.Thread(target=self._serve, args=(user,)) for user in range(USERS)]
        for thread in self._threads:
            thread.start()

    def of(self, user: int) -> list[socket.socket]:
        return self.devices[user * DEVICES : (user + 1) * DEVICES]

    def close(self) -> None:
        self.fleet.close()
        for thread in self._threads:
            thread.join()
        for device in self.devices:
            device.close()

    def _serve(self, user: int) -> None:
        with contextlib.suppress(ConnectionError):  # the fleet gives up in the middle of a message
            self._serve_until_closed(user)

    def _serve_until_closed(self, user: int) -> None:
        buffer, writer = b"", self.of(user)[0]
        while chunk := writer.recv(4096):
            buffer += chunk
            end = end_of_frames(buffer)
            for frame in frames_of(buffer[:end]):
                self._take(user, frame.payload)
            buffer = buffer[end:]

    def _take(self, user: int, payload: bytes) -> None:
        if (command := _COMMAND.match(payload)) is not None:
            self.num_received += 1
            self._answer(self, Command(user, command[1], command[2]))


def applied(hub: Hub, command: Command) -> None:
    hub.versions[command.user] += 1
    version = hub.versions[command.user]
    for device in hub.of(command.user):
        device.sendall(push(command.patch, version))
    hub.of(command.user)[0].sendall(reply(command.number, version))


@pytest.fixture
def hub_that() -> Iterator[Callable[[Answer], Hub]]:
    hubs: list[Hub] = []

    def start(answer: Answer) -> Hub:
        hubs.append(Hub(answer))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.close()


HubThat = Callable[[Answer], Hub]


def test_a_closed_loop_counts_what_was_answered_and_is_everywhere(hub_that: HubThat) -> None:
    hub = hub_that(applied)
    report = hub.fleet.write(0.05)
    assert report.requests == hub.num_received == sum(hub.versions) > USERS


def test_an_open_loop_keeps_its_pace_whatever_the_answers_do(hub_that: HubThat) -> None:
    hub = hub_that(applied)
    report = hub.fleet.write_paced(400, 0.1)
    assert report.mutations == hub.num_received == 39
    assert 0 < report.acknowledged_p50_ms <= report.acknowledged_p99_ms
    assert 0 < report.everywhere_p50_ms <= report.everywhere_p99_ms


def test_phases_follow_one_another_on_the_same_connections(hub_that: HubThat) -> None:
    hub = hub_that(applied)
    mutations = hub.fleet.write(0.02).requests + hub.fleet.write_paced(500, 0.02).mutations
    assert mutations + hub.fleet.write(0.02).requests == hub.num_received


def test_numbers_are_never_used_twice(hub_that: HubThat) -> None:
    seen: list[bytes] = []

    def noted(hub: Hub, command: Command) -> None:
        seen.append(command.number)
        applied(hub, command)

    for hub in (hub_that(noted), hub_that(noted)):
        hub.fleet.write(0.02)
    assert len(seen) == len(set(seen))


def test_an_error_in_place_of_the_answer_ends_the_phase(hub_that: HubThat) -> None:
    error = server_frame(b'{"id":1,"error":{"code":503,"message":"unavailable"}}')
    hub = hub_that(lambda hub, command: hub.of(command.user)[0].sendall(error))
    with pytest.raises(Refused, match="unavailable"):
        hub.fleet.write(0.05)


def test_a_conflict_is_no_answer_either(hub_that: HubThat) -> None:
    conflict = b'{"id":%s,"rpc":{"data":{"conflict":{"key":"cart","version":7}}}}'
    hub = hub_that(lambda hub, command: hub.of(command.user)[0].sendall(server_frame(conflict % command.number)))
    with pytest.raises(Refused, match="conflict"):
        hub.fleet.write(0.05)


def test_a_version_that_is_left_out_ends_the_phase(hub_that: HubThat) -> None:
    def skipping(hub: Hub, command: Command) -> None:
        hub.versions[command.user] += 1
        applied(hub, command)

    hub = hub_that(skipping)
    with pytest.raises(Refused, match="version 4 where 3 was next"):
        hub.fleet.write(0.05)


def test_a_change_that_comes_twice_ends_the_phase(hub_that: HubThat) -> None:
    def twice(hub: Hub, command: Command) -> None:
        hub.of(command.user)[1].sendall(push(command.patch, hub.versions[command.user] + 1))
        applied(hub, command)

    hub = hub_that(twice)
    with pytest.raises(Refused, match="version 1 where 2 was next"):
        hub.fleet.write(0.05)


def test_a_closed_connection_ends_the_phase(hub_that: HubThat) -> None:
    close = server_frame(b"\x0e\x06session revoked", CLOSE)
    hub = hub_that(lambda hub, command: hub.of(command.user)[2].sendall(close))
    with pytest.raises(Refused, match="session revoked"):
        hub.fleet.write(0.05)


def test_a_ping_is_answered_with_a_pong(hub_that: HubThat) -> None:
    def pinging(hub: Hub, command: Command) -> None:
        if not hub.versions[command.user]:  # nobody reads the pongs meanwhile
            hub.of(command.user)[1].sendall(server_frame(b"{}"))
        applied(hub, command)

    hub = hub_that(pinging)
    hub.fleet.write(0.02)
    assert [frame.payload for frame in frames_of(hub.devices[1].recv(4096))] == [b"{}"]
