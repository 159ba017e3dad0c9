"""Whether the Redis of the engine could be used now: a part of `syncline doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cli.check import Check, Status

if TYPE_CHECKING:
    from hub.engines.redis.config import RedisConfig
    from settings.model import Settings


def check_redis(settings: Settings) -> Check | None:
    """None where the engine is another one. Connects and asks; writes nothing."""
    if settings.engine.type != "redis":
        return None
    from hub.errors import EngineUnavailable
    from settings.redis_views import redis_config

    config = redis_config(settings.engine.redis)
    subject = _subject(config)
    try:
        asyncio.run(_reached(config))
    except ModuleNotFoundError as exc:
        return Check(Status.FAIL, subject, f"{exc.name} is not installed: install the extra, syncline[redis]")
    except (EngineUnavailable, ValueError, OSError) as exc:
        return Check(Status.FAIL, subject, str(exc))
    return Check(Status.OK, subject)


async def _reached(config: RedisConfig) -> None:
    from hub.clock import SystemClock
    from hub.engines.redis.engine import open_redis_engine

    async with open_redis_engine(config, SystemClock(), node_uid="doctor"):
        pass


def _subject(config: RedisConfig) -> str:
    addresses = config.addresses if config.sentinel is None else config.sentinel.addresses
    kind = "Redis Cluster" if config.is_cluster else "Redis behind Sentinel" if config.sentinel else "Redis"
    return f"{kind} at {', '.join(map(str, addresses))}"
