"""How a connection to a server is opened and let in."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hub.engines.redis.failures import LinkLost, ServerError
from hub.engines.redis.topology import WrongServer
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.engines.redis.config import Address, RedisConfig, TlsConfig
    from hub.engines.redis.link import Link
    from hub.engines.redis.topology import Topology

AnyLink = TypeVar("AnyLink", bound="Link")


class Credentials(NamedTuple):
    """What a server wants to know before it lets a connection in."""

    user: str = ""
    password: str = ""
    db: int = 0
    tls: TlsConfig | None = None


def credentials_of(config: RedisConfig) -> Credentials:
    return Credentials(config.user, config.password, config.db, config.tls)


async def open_link(
    address: Address, credentials: Credentials, timeout_s: float, new_link: Callable[[], AnyLink]
) -> AnyLink:
    """Connect, encrypt and log in.

    Raises:
        EngineUnavailable: it could not be done within `timeout_s`, or the server refuses us; the text says why.
    """
    link: AnyLink | None = None
    try:
        async with asyncio.timeout(timeout_s):
            link = await _connect(address, credentials.tls, new_link)
            await _log_in(link, credentials)
    except BaseException as exc:
        if link is not None:
            link.close("not let in")
        if isinstance(exc, (OSError, ServerError, LinkLost)):  # OSError: TimeoutError and ssl.SSLError as well
            raise EngineUnavailable(f"Redis at {address}: {str(exc) or 'no answer in time'}") from exc
        raise
    return link


async def open_primary(
    address: Address, config: RedisConfig, topology: Topology, new_link: Callable[[], AnyLink]
) -> AnyLink:
    """`open_link`, and refuse what is not what the topology took it for.

    Raises:
        EngineUnavailable: as open_link.
        LinkLost: it is another server than it should be.
    """
    link = await open_link(address, credentials_of(config), config.connect_timeout_s, new_link)
    try:
        await topology.vet(link)
    except WrongServer as exc:
        link.close()
        raise LinkLost(f"Redis at {address}: {exc}") from exc
    return link


async def _connect(address: Address, tls: TlsConfig | None, new_link: Callable[[], AnyLink]) -> AnyLink:
    loop = asyncio.get_running_loop()
    context: ssl.SSLContext | None = None
    if tls is not None:
        from hub.engines.redis.tls import ssl_context  # noqa: PLC0415  not before it is known to be needed

        context = ssl_context(tls)
    server_name = (tls.server_name or address.host) if tls is not None else None
    _, link = await loop.create_connection(
        new_link, address.host, address.port, ssl=context, server_hostname=server_name
    )
    return link


async def _log_in(link: Link, credentials: Credentials) -> None:
    user, password, db, _ = credentials
    if password:
        await (link.call("AUTH", user, password) if user else link.call("AUTH", password))
    if db:
        await link.call("SELECT", db)
    await link.call("PING")  # a server that needs a password and was given none says so here
