from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.load.socket_probe import SocketProbe


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        yield server, client


@pytest.fixture
def probe() -> Iterator[SocketProbe]:
    probe = SocketProbe()
    yield probe
    probe.close()


def test_bytes_that_nobody_has_read_are_seen(ends: tuple[socket.socket, socket.socket], probe: SocketProbe) -> None:
    server, client = ends
    server.sendall(b"x" * 1000)
    assert probe.state(client.getsockname(), server.getsockname()).unread_bytes == 1000
    assert probe.state(server.getsockname(), client.getsockname()).is_held


def test_a_server_that_closes_lets_go_though_its_client_does_not_read(
    ends: tuple[socket.socket, socket.socket], probe: SocketProbe
) -> None:
    server, client = ends
    addresses = (server.getsockname(), client.getsockname())
    server.close()
    assert not probe.state(*addresses).is_held


def test_a_connection_that_never_was_is_not_held(probe: SocketProbe) -> None:
    assert not probe.state(("127.0.0.1", 1), ("127.0.0.1", 2)).is_held
