from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from bench.load.arrivals import run_arrivals
from bench.load.dialects import Centrifuge, Refused
from bench.load.frames import server_frame
from bench.load.message import message
from bench.load.swarm import Swarm

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Swarm]]:
    server, client = socket.socketpair()
    with server, contextlib.closing(Swarm([client], Centrifuge())) as swarm:
        yield server, swarm


def pushed(*numbers: int) -> bytes:
    lines = [b'{"push":{"channel":"bench","pub":{"data":%s}}}' % message(number, 128) for number in numbers]
    return server_frame(b"\n".join(lines))


def test_what_came_with_the_first_chunk_has_no_beginning_to_count_from(ends: tuple[socket.socket, Swarm]) -> None:
    server, swarm = ends
    server.sendall(pushed(5, 6, 7) + pushed(8))
    report = run_arrivals(swarm, first=5, count=4)
    assert report.messages < 4
    assert report.elapsed_s >= 0


def test_messages_of_an_earlier_phase_are_not_counted_again(ends: tuple[socket.socket, Swarm]) -> None:
    server, swarm = ends
    for first in (0, 2):
        server.sendall(pushed(first, first + 1))
        run_arrivals(swarm, first, 2)


@pytest.mark.parametrize("numbers", [(0, 2, 1), (0, 1, 1), (0, 1, 3), (1, 2, 3)])
def test_a_message_out_of_place_ends_the_phase(ends: tuple[socket.socket, Swarm], numbers: tuple[int, ...]) -> None:
    server, swarm = ends
    server.sendall(pushed(*numbers))
    with pytest.raises(Refused, match="3 of 3 messages came, or not in order"):
        run_arrivals(swarm, first=0, count=3)
