"""Ports that several processes listen on."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.config import ListenConfig


class ReservedPorts:
    """Ports that are ours until they are closed; a free one where 0 was asked for.

    They are held by sockets that are bound and do not listen: the kernel gives connections only to those who do.

    Attributes:
        listen: the configuration of each process that shares them.
    """

    def __init__(self, listen: ListenConfig) -> None:
        """Raises OSError when somebody listens there already: without this look we would share the port with them."""
        self._holders = ExitStack()
        with ExitStack() as undo:
            undo.callback(self.close)
            port = self._reserve(listen.address, listen.port)
            internal = listen.internal_port
            if internal:
                internal = self._reserve(listen.internal_address or listen.address, internal)
            undo.pop_all()
        self.listen = replace(listen, port=port, internal_port=internal, is_shared=True)

    def close(self) -> None:
        """Let go of them, as every process that was forked meanwhile has to for itself."""
        self._holders.close()

    def _reserve(self, address: str, port: int) -> int:
        """One socket for each address that the server is going to listen on, all on one port."""
        found = socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, target in dict.fromkeys(found):
            host = str(target[0])
            if port:
                _bound(family, port, host, is_shared=False).close()
            holder = self._holders.enter_context(_bound(family, port, host, is_shared=True))
            port = holder.getsockname()[1]
        return port


def _bound(family: int, port: int, host: str, *, is_shared: bool) -> socket.socket:
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        holder.bind((host, port))
    except OSError:
        holder.close()
        raise
    return holder
