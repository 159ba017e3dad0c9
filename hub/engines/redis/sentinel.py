"""The topology behind Sentinel: one primary, which the sentinels name and replace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hub.engines.redis.config import Address
from hub.engines.redis.failures import ServerError
from hub.engines.redis.informants import Informants, described
from hub.engines.redis.opening import Credentials
from hub.engines.redis.roles import vet_primary
from hub.engines.redis.topology import ServerMap
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.engines.redis.config import SentinelConfig
    from hub.engines.redis.informants import Statement
    from hub.engines.redis.link import Link

REFRESH_INTERVAL_S: Final = 2.0
"""A primary that was deposed without our noticing (it is cut off from its sentinels, not from us) is left by then."""


class Claim(NamedTuple):
    """Who one sentinel takes for the primary, and since which election: a later one is right."""

    epoch: int
    primary: Address


class Sentinel:
    """Asks all sentinels, waits for more than half of them, and believes whoever has seen the latest election.

    With fewer than half within the deadline those that answer are believed: Sentinel itself elects nobody then.

    Args:
        io_timeout_s: for all answers together.
    """

    is_cluster = False
    refresh_interval_s = REFRESH_INTERVAL_S

    def __init__(self, config: SentinelConfig, clock: Clock, *, connect_timeout_s: float, io_timeout_s: float) -> None:
        self._config = config
        self._io_timeout_s = io_timeout_s
        credentials = Credentials(config.user, config.password, 0, config.tls)
        self._sentinels = Informants(
            credentials, clock, connect_timeout_s=min(connect_timeout_s, io_timeout_s), deadline_s=io_timeout_s
        )

    async def locate(self) -> ServerMap:
        addresses = self._config.addresses
        answers = await self._sentinels.ask(addresses, self._ask, enough=len(set(addresses)) // 2 + 1)
        if not answers:
            raise EngineUnavailable(f"no sentinel names {self._config.master_name}: {self._complaint()}")
        return ServerMap((latest(answers).primary,))

    async def vet(self, link: Link) -> None:
        await vet_primary(link, self._io_timeout_s)

    async def close(self) -> None:
        self._sentinels.close()

    async def _ask(self, link: Link, _: Address) -> Claim:
        name = self._config.master_name
        address, state = await asyncio.gather(  # both are sent at once, and answered in order
            link.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name), link.call("SENTINEL", "MASTER", name)
        )
        return claim_of(address, state)

    def _complaint(self) -> str:
        return described(self._sentinels.failures)


def claim_of(address: list[bytes] | None, state: list[Any]) -> Claim:
    """What GET-MASTER-ADDR-BY-NAME (which is first to know the new one) and MASTER (which knows the election) say.

    Raises:
        ServerError: the sentinel knows no such primary, or the answer is none.
    """
    if address is None:
        raise ServerError("ERR the sentinel knows no such primary")
    try:
        fields = dict(zip(state[::2], state[1::2], strict=True))
        return Claim(int(fields[b"config-epoch"]), Address(address[0].decode(), int(address[1])))
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise ServerError("ERR not the answer of a sentinel") from exc


def latest(answers: list[Statement[Claim]]) -> Claim:
    """Of the latest election; among those, the one that most say."""
    claims = [statement.answer for statement in answers]
    return max(claims, key=lambda claim: (claim.epoch, claims.count(claim)))
