"""Where a server is and what it speaks: the same record for the orchestrator and the generator."""

from __future__ import annotations

from urllib.parse import quote

import msgspec


class Target(msgspec.Struct, frozen=True):
    """`{channel}` in a path is replaced by the channel's name."""

    dialect: str
    host: str
    port: int
    path: str
    publish_port: int = 0  # 0: the same port
    publish_path: str = ""
    publish_headers: dict[str, str] = {}
    token_secret: str = ""  # HS256; empty: the server knows no tokens

    def upgrade_request(self, channel: str) -> bytes:
        return _upgrade(self.host, self.port, _path(self.path, channel))

    def publisher_upgrade_request(self) -> bytes:
        return _upgrade(self.host, self.publisher_port, self.publish_path)

    @property
    def publisher_port(self) -> int:
        return self.publish_port or self.port

    def post_request(self, path: str, body: bytes) -> bytes:
        """`path` is below `publish_path`, or a query to it."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.publish_headers.items())
        head = (
            f"POST {self.publish_path}{path} HTTP/1.1\r\nHost: {self.host}:{self.publisher_port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        )
        return head.encode() + body


def _path(template: str, channel: str) -> str:
    return template.replace("{channel}", quote(channel, safe=""))


def _upgrade(host: str, port: int, path: str) -> bytes:
    """The key is constant: nothing is proxied here, and the server's work does not depend on it."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3luY2xpbmUgYmVuY2ghIQ==\r\n\r\n"
    ).encode()
