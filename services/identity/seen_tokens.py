"""Tokens that count once: logout tokens and security events, by `jti`."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from storage.database import Query

if TYPE_CHECKING:
    from hub.clock import Clock
    from storage.database import Database, Transaction

SWEEP_INTERVAL_S: Final = 600

_FIND = Query("seen_tokens.find", "SELECT 1 FROM seen_tokens WHERE issuer = $1 AND jti = $2 AND until_ms > $3")
_REMEMBER = Query(
    "seen_tokens.remember",
    """INSERT INTO seen_tokens (issuer, jti, until_ms) VALUES ($1, $2, $3)
       ON CONFLICT (issuer, jti) DO UPDATE SET until_ms = excluded.until_ms
       WHERE excluded.until_ms > seen_tokens.until_ms""",
)
_FORGET = Query("seen_tokens.forget", "DELETE FROM seen_tokens WHERE until_ms <= $1")


class SeenTokens:
    """The tokens of one kind (`purpose`) that have had their effect.

    A token is remembered after its effect, not before: a crash in between repeats an effect that a second time does
    nothing, where the other order would lose it. It is remembered for as long as it would be accepted, so it counts
    once for ever. Whoever remembers also sweeps, every SWEEP_INTERVAL_S: where nothing is added nothing grows.

    Every method raises StorageUnavailable as the database does.
    """

    def __init__(self, database: Database, clock: Clock, purpose: str) -> None:
        """`purpose` keeps apart the `jti` of a provider's different systems, which may both count from 1."""
        self._database = database
        self._clock = clock
        self._purpose = purpose
        self._swept_at_s = -inf

    async def has(self, issuer: str, jti: str) -> bool:
        row = await self._database.fetch_one(_FIND, issuer, self._key(jti), int(self._clock.now_s() * 1000))
        return row is not None

    async def remember(self, issuer: str, jti: str, *, until_s: float) -> None:
        """Remember it until this wall-clock second; again is the same as once."""
        is_sweep_due = self._clock.monotonic_s() - self._swept_at_s >= SWEEP_INTERVAL_S
        now_ms = int(self._clock.now_s() * 1000)

        async def work(tx: Transaction) -> None:
            await tx.execute(_REMEMBER, issuer, self._key(jti), int(until_s * 1000))
            if is_sweep_due:
                await tx.execute(_FORGET, now_ms)

        await self._database.run(work)
        if is_sweep_due:
            self._swept_at_s = self._clock.monotonic_s()

    def _key(self, jti: str) -> str:
        return f"{self._purpose} {jti}"
