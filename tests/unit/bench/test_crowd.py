from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from bench.load.crowd import Crowd, readable
from bench.load.dialects import Refused
from bench.load.frames import CLOSE, end_of_frames, frames_of, server_frame

SIDS = ("own", "own", "victim", "victim")

REVOKED = (3590).to_bytes(2, "big") + b"session revoked"


class Server:
    """The server's ends; the crowd has the others."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.crowd = Crowd(self.epoll)
        self.ends: list[socket.socket] = []
        for sid in SIDS:
            end, client = socket.socketpair()
            self.ends.append(end)
            self.crowd.add(sid, client)

    def close_with(self, index: int, payload: bytes) -> None:
        self.ends[index].sendall(server_frame(payload, CLOSE))

    def closed(self, revoked: str) -> list[bool]:
        """For each connection that has something to read, whether that closed it."""
        return [self.crowd.closed_ns(descriptor, revoked) > 0 for descriptor in readable(self.epoll)]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.crowd.close()
    server.epoll.close()
    for end in server.ends:
        end.close()


def test_connections_of_the_revoked_session_are_closed_and_forgotten(server: Server) -> None:
    for index in (2, 3):
        server.close_with(index, REVOKED)
    assert server.closed("victim") == [True, True]
    assert len(server.crowd) == 2


def test_events_and_pings_are_no_close_and_pings_are_answered(server: Server) -> None:
    event = b'{"push":{"channel":"sessions:#u","pub":{"data":{"type":"session.revoked","sid":"victim"}}}}'
    server.ends[0].sendall(server_frame(event) + server_frame(b"{}"))
    assert server.closed("victim") == [False]
    assert [frame.payload for frame in frames_of(server.ends[0].recv(100))] == [b"{}"]


def test_a_close_that_comes_in_two_parts_counts_once_it_is_whole(server: Server) -> None:
    frame = server_frame(REVOKED, CLOSE)
    server.ends[2].sendall(frame[:5])
    assert server.closed("victim") == [False]
    server.ends[2].sendall(frame[5:])
    assert server.closed("victim") == [True]


def test_a_connection_of_another_session_must_not_be_closed(server: Server) -> None:
    server.close_with(1, REVOKED)
    with pytest.raises(Refused, match="another session"):
        server.closed("victim")


def test_another_code_is_not_the_one(server: Server) -> None:
    server.close_with(2, (3001).to_bytes(2, "big") + b"shutdown")
    with pytest.raises(Refused, match="shutdown"):
        server.closed("victim")


def test_a_connection_that_just_ends_is_not_closed_properly(server: Server) -> None:
    server.ends[2].close()
    with pytest.raises(Refused, match="without a code"):
        server.closed("victim")


def test_those_who_are_left_answer(server: Server) -> None:
    for end in server.ends:
        end.sendall(server_frame(b'{"id":9,"error":{"code":104,"message":"method not found"}}'))
    server.crowd.probe()
    for end in server.ends:
        received = end.recv(200)
        [probe] = frames_of(received[: end_of_frames(received)])
        assert b'"id":9' in probe.payload


def test_one_who_is_closed_when_asked_is_not_left(server: Server) -> None:
    for end in server.ends[1:]:
        end.sendall(server_frame(b'{"id":9,"rpc":{}}'))
    server.close_with(0, REVOKED)
    with pytest.raises(Refused, match="live session"):
        server.crowd.probe()
