"""Which node consumes at the moment: a key that lives as long as its holder renews it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hub.relay.redis.access import RedisAccess

_LUA: Final = files("hub.relay.redis") / "lua"

TAKE: Final = (_LUA / "take.lua").read_text()
_HOLD: Final = (_LUA / "hold.lua").read_text()
_LET_GO: Final = (_LUA / "let_go.lua").read_text()

LEASE_MS: Final = 5_000
"""After this long without a word from its holder another node takes over."""


class Lease:
    """One lease, and whether this node asks for it at all.

    Args:
        owner: this process; "" for no lease.
        tag: what the key shares its slot with.
    """

    def __init__(self, key: str, owner: str) -> None:
        self.key = key
        self.owner = owner

    async def hold(self, access: RedisAccess) -> bool:
        """Take or renew it. Raises: as RedisAccess.call."""
        if not self.owner:
            return True
        return bool(await access.call(self.key, "EVAL", _HOLD, 1, self.key, self.owner, LEASE_MS))

    async def let_go(self, access: RedisAccess) -> None:
        """So that another node need not wait for its end. Raises: as RedisAccess.call."""
        if self.owner:
            await access.call(self.key, "EVAL", _LET_GO, 1, self.key, self.owner)


def lease_key(prefix: str, consumer: str, beside: str = "") -> str:
    """Args: beside: a key that the lease must share a slot with."""
    if not beside:
        return f"{prefix}.consumer.{consumer}"
    start, end = beside.find("{"), beside.find("}", beside.find("{") + 2)
    tag = beside[start + 1 : end] if 0 <= start < end else beside
    return f"{prefix}.consumer.{consumer}.{{{tag}}}"
