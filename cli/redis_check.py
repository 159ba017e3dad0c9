"""Whether a Redis could be used now: a part of `syncline doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cli.check import Check, Status

if TYPE_CHECKING:
    from hub.engines.redis.config import RedisConfig
    from settings.model import Settings
    from settings.redis_model import RedisSettings


def check_redis(settings: Settings) -> Check | None:
    """That of the engine; None where the engine is another one."""
    return check_redis_at("", settings.engine.redis) if settings.engine.type == "redis" else None


def check_redis_at(whose: str, settings: RedisSettings) -> Check:
    """Connects and asks; writes nothing."""
    from hub.errors import EngineUnavailable
    from settings.redis_views import redis_config

    config = redis_config(settings)
    subject = whose + _subject(config)
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
