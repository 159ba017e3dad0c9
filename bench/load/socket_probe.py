"""What the kernel says about one TCP connection: asked over netlink (sock_diag(7)), 20 us, whatever else is open."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR, _NLM_F_REQUEST = 20, 2, 1
_ALL_STATES, _NO_COOKIE = 0xFFFFFFFF, 0xFFFFFFFF
_ESTABLISHED = 1
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_REPLY_START = struct.Struct("=BBBB")
_REPLY_QUEUES = struct.Struct("=IIIII")
_SOCKET_ID_BYTES = 48


class SocketState(NamedTuple):
    is_held: bool  # established, and a process still has it open
    unread_bytes: int
    unsent_bytes: int  # includes what is sent and not acknowledged


class SocketProbe:
    """IPv4 only: the bench runs on 127.0.0.1."""

    def __init__(self) -> None:
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)

    def state(self, local: tuple[str, int], remote: tuple[str, int]) -> SocketState:
        """The connection's end at `local`. A connection the kernel no longer knows is not held."""
        request = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ALL_STATES) + _socket_id(local, remote)
        size = _HEADER.size + len(request)
        self._netlink.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0) + request)
        reply = self._netlink.recv(65536)
        if _HEADER.unpack_from(reply)[1] == _NLMSG_ERROR:
            return SocketState(is_held=False, unread_bytes=0, unsent_bytes=0)
        return _parse(reply)

    def close(self) -> None:
        self._netlink.close()


def _socket_id(local: tuple[str, int], remote: tuple[str, int]) -> bytes:
    """struct inet_diag_sockid: ports and addresses in network order, no interface, no cookie."""
    ports = struct.pack("!HH", local[1], remote[1])
    addresses = b"".join(socket.inet_aton(host) + bytes(12) for host, _ in (local, remote))
    return ports + addresses + struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)


def _parse(reply: bytes) -> SocketState:
    """struct inet_diag_msg. A socket that no process has open any more has inode 0."""
    _, state, _, _ = _REPLY_START.unpack_from(reply, _HEADER.size)
    queues = _HEADER.size + _REPLY_START.size + _SOCKET_ID_BYTES
    _, unread, unsent, _, inode = _REPLY_QUEUES.unpack_from(reply, queues)
    return SocketState(state == _ESTABLISHED and inode != 0, unread, unsent)
