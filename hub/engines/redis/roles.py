"""Whether a server is what the map says it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.engines.redis.failures import ServerError
from hub.engines.redis.topology import WrongServer
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from hub.engines.redis.link import Link


async def vet_primary(link: Link, timeout_s: float) -> None:
    """Ask for its role.

    Raises:
        WrongServer: it is a replica, or does not say.
        EngineUnavailable: no answer in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            role = await link.call("ROLE")
    except TimeoutError as exc:
        raise EngineUnavailable("the server does not say its role in time") from exc
    except ServerError as exc:
        raise WrongServer(f"the server does not say its role: {exc}") from exc
    if role[0] != b"master":
        raise WrongServer(f"the server is a {role[0].decode()}, not a primary")
