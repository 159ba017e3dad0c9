"""What a Redis engine is told about its servers. Needs no driver: settings map to it before one is imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """How connections are encrypted. Each PEM is the text itself or the path of a file.

    Attributes:
        ca_pem: whose certificates are believed; empty: the system's.
        cert_pem, key_pem: this node's own, where the server asks for one.
        server_name: what the server's certificate must be for; empty: the host of its address.
        insecure_skip_verify: believe any certificate.
    """

    ca_pem: str = ""
    cert_pem: str = ""
    key_pem: str = field(default="", repr=False)
    server_name: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelConfig:
    """Where to ask which server is the primary."""

    addresses: tuple[Address, ...]
    master_name: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: TlsConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisConfig:
    """Where the servers are and how to be let in.

    Attributes:
        addresses: the one server; of a cluster, any of its servers, more than one in case that is down; unused with
            `sentinel`.
        is_cluster: the addresses lead into a Redis Cluster: channels are spread by slot, with sharded pub/sub.
        prefix: every key and pub/sub channel starts with it; nodes that share it are one hub. No braces.
        user: an ACL user; empty: the default one.
        db: number of the database; a cluster has only 0. Pub/sub knows no databases: hubs on one server need
            different prefixes all the same.
        connect_timeout_s: for one connection to be open and let in.
        io_timeout_s: after this long without an answer a call fails, and the connection is replaced.
    """

    addresses: tuple[Address, ...] = (Address("127.0.0.1", 6379),)
    is_cluster: bool = False
    sentinel: SentinelConfig | None = None
    prefix: str = "syncline"
    user: str = ""
    password: str = field(default="", repr=False)
    db: int = 0
    tls: TlsConfig | None = None
    connect_timeout_s: float = 1.0
    io_timeout_s: float = 2.0
