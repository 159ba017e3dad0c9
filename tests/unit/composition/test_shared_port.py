"""A port is ours before anybody forks, and nobody else's."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing

import pytest

from api.config import ListenConfig
from composition.shared_port import ReservedPorts
from tests.support.ports import free_port

HOST = "127.0.0.1"


def listener(port: int, *, is_shared: bool = True) -> socket.socket:
    with ExitStack() as undo:
        holder = undo.enter_context(socket.socket())
        if is_shared:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((HOST, port))
        holder.listen()
        undo.pop_all()
        return holder


def test_a_free_port_is_chosen_once_for_all() -> None:
    with closing(ReservedPorts(ListenConfig(address=HOST, port=0))) as ports:
        assert ports.listen.port
        assert ports.listen.is_shared
        for _ in range(2):
            listener(ports.listen.port).close()


def test_every_address_of_the_machine_has_the_same_port() -> None:
    with closing(ReservedPorts(ListenConfig(port=0))) as ports, pytest.raises(OSError, match="in use"):
        listener(ports.listen.port, is_shared=False)


def test_connections_go_to_those_who_listen() -> None:
    with (
        closing(ReservedPorts(ListenConfig(address=HOST, port=0))) as ports,
        closing(listener(ports.listen.port)) as one,
    ):
        one.settimeout(5)
        for _ in range(20):
            with socket.create_connection((HOST, ports.listen.port), timeout=5):
                one.accept()[0].close()


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("is_internal", [False, True])
def test_a_port_on_which_somebody_listens_is_refused_and_nothing_is_kept(is_internal: bool, is_shared: bool) -> None:
    free = free_port()
    with closing(listener(0, is_shared=is_shared)) as somebody:
        taken = somebody.getsockname()[1]
        port, internal_port = (free, taken) if is_internal else (taken, free)
        with pytest.raises(OSError, match="in use"):
            ReservedPorts(ListenConfig(address=HOST, port=port, internal_port=internal_port))
    listener(free, is_shared=False).close()


def test_they_are_free_again_afterwards() -> None:
    ports = ReservedPorts(ListenConfig(address=HOST, port=0, internal_port=free_port()))
    ports.close()
    for port in (ports.listen.port, ports.listen.internal_port):
        listener(port, is_shared=False).close()
