"""Connections to whoever holds a key at the moment, opened when they are needed and replaced when they are lost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from hub.engines.redis.discovery import choose_topology
from hub.engines.redis.failures import ServerError
from hub.engines.redis.keys import slot_of
from hub.engines.redis.link import Link
from hub.engines.redis.opening import open_primary
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.clock import Clock
    from hub.engines.redis.config import Address, RedisConfig
    from hub.engines.redis.topology import ServerMap

    Command = tuple[str | bytes | int, ...]


class RedisAccess:
    """For one task: while one of its calls blocks on the server, others to the same server wait behind it.

    Every call fails with EngineUnavailable within `io_timeout_s` when the server gives no answer; then, and when it
    says that it is the wrong one, all connections are closed and the next call looks for the right one.
    """

    def __init__(self, config: RedisConfig, clock: Clock) -> None:
        """Raises: ConfigRefused."""
        self._config = config
        self._topology = choose_topology(config, clock)
        self._new_link = partial(Link, clock, config.io_timeout_s)
        self._map: ServerMap | None = None
        self._links: dict[Address, Link] = {}

    async def call(self, key: str, *args: str | bytes | int) -> Any:
        """Send a command to whoever holds `key`; the answer.

        Raises:
            EngineUnavailable: no answer; whether it was carried out is unknown.
            ServerError: the server refuses.
        """
        return (await self.call_all(key, [args]))[0]

    async def call_all(self, key: str, commands: Sequence[Command]) -> list[Any]:
        """Send commands at once; all answers. Raises as `call`, for the first that fails; the others may be done."""
        try:
            link = await self._link(key)
            return await asyncio.gather(*[link.call(*command) for command in commands])
        except ServerError as exc:
            if not exc.is_not_executed:
                raise
            await self.close()
            raise EngineUnavailable(str(exc)) from exc
        except EngineUnavailable:
            await self.close()
            raise

    async def close(self) -> None:
        """Give up all connections; the next call opens new ones."""
        links, self._links, self._map = list(self._links.values()), {}, None
        for link in links:
            link.close()
        await self._topology.close()

    async def _link(self, key: str) -> Link:
        if self._map is None:
            self._map = await self._topology.locate()
        address = self._map.of(slot_of(key.encode()))
        if address is None:
            raise EngineUnavailable("no server has this key at the moment")
        link = self._links.get(address)
        if link is None or link.is_closed:
            link = self._links[address] = await open_primary(address, self._config, self._topology, self._new_link)
        return link
