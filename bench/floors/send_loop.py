"""Fan-out's floor: a loop of `socket.send` over accepted sockets, with one prebuilt frame."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import sys

from bench.load.frames import end_of_frames, frames_of, server_frame

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"(?i)\r\nsec-websocket-key: *([^\r]+)")


def push_frame(message: bytes) -> bytes:
    """The bytes that a Centrifuge client gets for this message in the channel `bench`."""
    return server_frame(b'{"push":{"channel":"bench","pub":{"data":%s}}}' % message)


def read_request(connection: socket.socket) -> bytes:
    """The whole request; less if the client has gone."""
    head = b""
    while b"\r\n\r\n" not in head and (chunk := connection.recv(4096)):
        head += chunk
    return head


def accept_client(listener: socket.socket) -> tuple[socket.socket, bool]:
    """A connection after its handshake, and whether it is the publisher.

    One that asks for no upgrade only wanted to see whether the port is open.
    """
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = read_request(connection)
    key = _KEY.search(head)
    if key is None:
        connection.close()
        return accept_client(listener)
    accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return connection, head.startswith(b"GET /publish ")


def accept_all(listener: socket.socket) -> tuple[list[socket.socket], socket.socket]:
    """Subscribers, until the publisher comes."""
    subscribers: list[socket.socket] = []
    while True:
        connection, is_publisher = accept_client(listener)
        if is_publisher:
            return subscribers, connection
        connection.setblocking(False)
        subscribers.append(connection)


def broadcast_all(subscribers: list[socket.socket], publisher: socket.socket) -> None:
    sends = [subscriber.send for subscriber in subscribers]
    buffer = b""
    while chunk := publisher.recv(65536):
        buffer += chunk
        end = end_of_frames(buffer)
        for published in frames_of(buffer[:end]):
            frame = push_frame(published.payload)
            for send in sends:
                send(frame)
        buffer = buffer[end:]


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096) as listener:
        broadcast_all(*accept_all(listener))


if __name__ == "__main__":
    main()
