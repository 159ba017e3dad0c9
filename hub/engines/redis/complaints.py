"""What the engine complains of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from hub.complaints import Complaints

if TYPE_CHECKING:
    from hub.clock import Clock

logger = logging.getLogger("hub.engines.redis")

KINDS: Final = (
    "redis_canary_lost",
    "redis_connect_failed",
    "redis_control_lost",
    "redis_error",
    "redis_lapse",
    "redis_link_lost",
    "redis_map_unavailable",
    "redis_message_failed",
    "redis_message_lost",
    "redis_not_executed",
    "redis_subscribe_refused",
    "redis_unkept_doubt",
)


def redis_complaints(clock: Clock) -> Complaints:
    return Complaints(clock, logger, KINDS)
