"""`engine`: where channels live, and how nodes find each other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.redis_model import RedisSettings
from settings.section import Section


class EngineSettings(Section):
    type: Literal["memory", "redis"] = Field(
        "memory", description="In this process, or in Redis, for several nodes (the extra `redis`)."
    )
    redis: RedisSettings = Field(RedisSettings(), description="Where that Redis is.")
