"""Whether the servers are there and what they should be, before a node starts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hub.engines.redis.failures import ServerError
from hub.engines.redis.link import Link
from hub.engines.redis.opening import credentials_of, open_link
from hub.engines.redis.topology import WrongServer
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.engines.redis.config import Address, RedisConfig
    from hub.engines.redis.topology import Topology

OLDEST: Final = (6, 2)
OLDEST_OF_CLUSTER: Final = (7, 0)
"""Sharded pub/sub came with it."""


async def check_reachable(config: RedisConfig, clock: Clock, topology: Topology) -> None:
    """Connect to each primary once.

    Raises:
        EngineUnavailable: one of them does not answer, does not let us in, or is too old.
    """
    found = await topology.locate()
    if not found.primaries:
        raise EngineUnavailable("Redis: nobody knows a primary")
    for address in found.primaries:
        await _check(address, config, clock, topology)


async def _check(address: Address, config: RedisConfig, clock: Clock, topology: Topology) -> None:
    def new_link() -> Link:
        return Link(clock, config.io_timeout_s)

    link = await open_link(address, credentials_of(config), config.connect_timeout_s, new_link)
    try:
        async with asyncio.timeout(config.connect_timeout_s):
            await topology.vet(link)
            version = version_in(await link.call("INFO", "server"))
    except TimeoutError as exc:
        raise EngineUnavailable(f"Redis at {address}: no answer in time") from exc
    except (ServerError, WrongServer) as exc:
        raise EngineUnavailable(f"Redis at {address}: {exc}") from exc
    finally:
        link.close()
    needed = OLDEST_OF_CLUSTER if topology.is_cluster else OLDEST
    if version < needed:
        raise EngineUnavailable(f"Redis at {address} is {version[0]}.{version[1]}, needed is {needed[0]}.{needed[1]}")


def version_in(info: bytes) -> tuple[int, int]:
    for line in info.decode().splitlines():
        name, _, value = line.partition(":")
        if name == "redis_version":
            major, minor, *_ = value.split(".")
            return int(major), int(minor)
    raise ServerError("ERR the server does not say its version")
