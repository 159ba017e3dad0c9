from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.load.dialects import Centrifuge, Dialect, Refused, SocketIo
from bench.load.frames import CLOSE, PING, PONG, Frame, frames_of, server_frame
from bench.load.message import message, numbers_in
from bench.load.swarm import Swarm


class Wire:
    """A swarm of two, and the server's ends of their connections."""

    def __init__(self, dialect: Dialect) -> None:
        pairs = [socket.socketpair() for _ in range(2)]
        self.servers = [server for server, _ in pairs]
        self.swarm = Swarm([client for _, client in pairs], dialect)

    def sent_by_client(self, index: int) -> list[Frame]:
        return list(frames_of(self.servers[index].recv(4096)))

    def close(self) -> None:
        self.swarm.close()
        for server in self.servers:
            server.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire(Centrifuge())
    yield wire
    wire.close()


def push(*numbers: int) -> bytes:
    return b"\n".join(b'{"push":{"channel":"bench","pub":{"data":%s}}}' % message(n, 128) for n in numbers)


def test_counts_over_all_subscribers_and_keeps_what_the_witness_got(wire: Wire) -> None:
    for server in wire.servers:
        server.sendall(server_frame(push(0)))
    wire.swarm.receive(2)
    assert len(wire.swarm.latencies.packed) == 2
    assert numbers_in(b"".join(wire.swarm.transcript)) == [0]
    assert wire.swarm.witness_bytes == len(server_frame(push(0)))


def test_a_frame_of_several_messages_counts_as_several(wire: Wire) -> None:
    wire.servers[1].sendall(server_frame(push(0, 1, 2)))
    wire.swarm.receive(3)
    assert [entry & 0xFF for entry in wire.swarm.latencies.packed] == [3]


def test_a_frame_cut_anywhere_is_put_together_again(wire: Wire) -> None:
    """Each read takes what is there, so the two halves are received in two calls at least."""
    frame = server_frame(push(1))
    for cut in (1, 3, 60, len(frame) - 1):
        wire.servers[1].sendall(server_frame(push(0)) + frame[:cut])
        wire.swarm.receive(1)
        wire.servers[1].sendall(frame[cut:])
        wire.swarm.receive(1)


@pytest.mark.parametrize("text", [b"{}", push(0) + b"\n{}", b"{}\n" + push(0)])
def test_a_ping_is_answered_alone_or_among_messages(wire: Wire, text: bytes) -> None:
    wire.servers[0].sendall(server_frame(text) + server_frame(push(1)))
    wire.swarm.receive(1 + text.count(b"push"))
    assert [frame.payload for frame in wire.sent_by_client(0)] == [b"{}"]


def test_a_websocket_ping_between_messages_is_answered(wire: Wire) -> None:
    wire.servers[1].sendall(server_frame(push(0)) + server_frame(b"now", PING) + server_frame(push(1)))
    wire.swarm.receive(2)
    assert wire.sent_by_client(1) == [Frame(PONG, b"now")]


def test_the_dialect_says_what_a_ping_is() -> None:
    wire = Wire(SocketIo())
    wire.servers[0].sendall(server_frame(b"2") + server_frame(b'42["m",%s]' % message(0, 128)))
    wire.swarm.receive(1)
    assert [frame.payload for frame in wire.sent_by_client(0)] == [b"3"]
    wire.close()


def test_a_closed_subscriber_ends_the_phase(wire: Wire) -> None:
    wire.servers[1].sendall(server_frame(b"\x0b\xc0slow", CLOSE))
    with pytest.raises(Refused, match="slow"):
        wire.swarm.receive(1)


def test_a_lost_connection_ends_the_phase(wire: Wire) -> None:
    wire.servers[1].close()
    with pytest.raises(Refused, match="closed"):
        wire.swarm.receive(1)
