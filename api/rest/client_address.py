"""Who is calling, behind proxies. Headers are believed from proxies that are configured, and from nobody else."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ClientAddresses:
    """Finds the client's address: the rightmost one that is not a trusted proxy.

    What stands left of it was written by the client or by somebody it trusts, not by somebody we do.

    Args:
        trusted: addresses and networks (CIDR) of proxies. Empty: the peer of the TCP connection is the client.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = [ipaddress.ip_network(text, strict=False) for text in trusted]

    def of(self, request: web.Request) -> str:
        """The address in its canonical form, IPv4 in IPv6 as IPv4; "" when the connection has none (Unix sockets)."""
        peer = parsed_address(request.remote or "")
        if peer is None or not self._is_trusted(peer):
            return str(peer or "")
        return str(self._beyond(peer, request.headers.getall("X-Forwarded-For", [])))

    def is_https(self, request: web.Request) -> bool:
        """Whether the client's own connection is encrypted, as far as a trusted proxy says so."""
        peer = parsed_address(request.remote or "")
        if peer is not None and self._is_trusted(peer):
            forwarded = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip()
            return forwarded.lower() == "https"
        return request.secure

    def _beyond(self, peer: Address, headers: list[str]) -> Address:
        """From the nearest hop outwards; an entry that is no address ends what can be known."""
        nearest = peer
        for entry in reversed(",".join(headers).split(",")):
            hop = parsed_address(entry.strip())
            if hop is None:
                return nearest
            nearest = hop
            if not self._is_trusted(hop):
                return nearest
        return nearest

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def parsed_address(text: str) -> Address | None:
    """An address as proxies write it: with or without a port, in brackets or not, with a zone that is dropped."""
    host = text.partition("%")[0]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
