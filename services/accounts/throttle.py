"""How often something may be tried: GCRA (ITU-T I.371), one number per bucket, kept in the database for all nodes.

The number is the theoretical arrival time: when the bucket will be as good as new. Taking and refusing are one
statement, so no two attempts use the same place. Wall-clock time, because nodes and restarts share it; a clock that is
set forward empties buckets, one that is set back lets one more attempt through per bucket and locks nobody out.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sessions.refusal import Kind, Refusal
from storage.database import Query, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.clock import Clock
    from services.accounts.config import Allowance
    from storage.database import Database, Transaction

logger = logging.getLogger(__name__)

MAX_SKEW_MS: Final = 60_000
"""How far the clocks of nodes may be apart. A bucket fuller than full by more means that a clock has been set back."""

SWEEP_BATCH: Final = 1_000

BUCKET_DIGITS: Final = 32

IPV4_PREFIX: Final = 24
IPV6_PREFIX: Final = 64

# Computed here, not in SQL: PostgreSQL cannot tell the type of a sum of parameters.
# $2 now, $3 when a new bucket would be as good as new, $4 interval, $5 latest arrival that conforms,
# $6 latest arrival that can be, $7 the arrival of a full bucket.
_TAKE = Query(
    "throttle.take",
    "INSERT INTO throttles (bucket, arrival_ms) VALUES ($1, $3)"
    " ON CONFLICT (bucket) DO UPDATE SET arrival_ms = CASE"
    " WHEN throttles.arrival_ms > $6 THEN $7"
    " WHEN throttles.arrival_ms > $2 THEN throttles.arrival_ms + $4"
    " ELSE $3 END"
    " WHERE throttles.arrival_ms <= $5 OR throttles.arrival_ms > $6"
    " RETURNING arrival_ms",
)
_ARRIVAL = Query("throttle.arrival", "SELECT arrival_ms FROM throttles WHERE bucket = $1")
_GIVE_BACK = Query("throttle.give_back", "UPDATE throttles SET arrival_ms = arrival_ms - $2 WHERE bucket = $1")
# The age is asked twice: on PostgreSQL a bucket may be taken from between the look and the deletion.
_SWEEP = Query(
    "throttle.sweep",
    "DELETE FROM throttles WHERE arrival_ms < $1 AND bucket IN"
    " (SELECT bucket FROM throttles WHERE arrival_ms < $1 ORDER BY arrival_ms LIMIT $2)",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is tried (`login.account`), on what (an address, a user), and how often that may be."""

    purpose: str
    key: str
    allowance: Allowance

    @property
    def interval_ms(self) -> int:
        return round(self.allowance.interval_s * 1000)

    @property
    def tolerance_ms(self) -> int:
        return self.interval_ms * (max(self.allowance.burst, 1) - 1)


class Throttle:
    """Takes places in buckets and gives them back. Bucket names tell nobody whose they are."""

    def __init__(self, database: Database, secret: bytes, clock: Clock) -> None:
        self._database = database
        self._key = hmac.digest(secret, b"syncline throttle buckets v1", "sha256")
        self._clock = clock
        self.num_refused = 0

    async def take(self, attempts: Sequence[Attempt]) -> None:
        """Take a place in each bucket, or in none.

        In a fixed order of purposes, so that two calls cannot wait for each other.

        Raises:
            Refusal: LIMITED, code `too_many_attempts`, with the time of the bucket that refused.
            StorageUnavailable
        """
        ordered = sorted(attempts, key=lambda attempt: attempt.purpose)

        async def work(tx: Transaction) -> None:
            for attempt in ordered:
                await self._take_one(tx, attempt)

        await self._database.run(work)

    @asynccontextmanager
    async def counting(self, attempts: Sequence[Attempt]) -> AsyncIterator[None]:
        """Take places for what is done inside, and give them back when it fails for want of anything but knowledge.

        Only UNAUTHORIZED is a wrong guess. A machine that is busy, too many sessions or a dependency without answer say
        nothing about the caller: who brings them about could otherwise lock others out. What succeeds gives its places
        back itself, in its unit of work. Who is cancelled keeps them: hanging up before the answer must cost as much
        as waiting for it.

        Raises:
            Refusal, StorageUnavailable: as `take`.
        """
        await self.take(attempts)
        try:
            yield
        except Exception as exc:
            if not (isinstance(exc, Refusal) and exc.kind is Kind.UNAUTHORIZED):
                await self._forgive(attempts)
            raise

    async def give_back(self, tx: Transaction, attempts: Sequence[Attempt]) -> None:
        """Undo a `take`, in the caller's unit of work. It undoes that one only: others' failures still count."""
        for attempt in sorted(attempts, key=lambda attempt: attempt.purpose):
            await tx.execute(_GIVE_BACK, self._bucket(attempt), attempt.interval_ms)

    async def sweep(self) -> int:
        """Delete buckets that are as good as new, SWEEP_BATCH at a time; how many."""
        horizon_ms = self._now_ms() - MAX_SKEW_MS
        swept = 0
        while deleted := await self._database.run(lambda tx: tx.execute(_SWEEP, horizon_ms, SWEEP_BATCH)):
            swept += deleted
            if deleted < SWEEP_BATCH:
                break
        return swept

    async def _forgive(self, attempts: Sequence[Attempt]) -> None:
        """What the database does not hear of stays taken: the failure that is being told matters more."""
        try:
            await self._database.run(lambda tx: self.give_back(tx, attempts))
        except StorageUnavailable as exc:
            logger.warning("throttle_not_given_back", extra={"detail": str(exc)})

    async def _take_one(self, tx: Transaction, attempt: Attempt) -> None:
        bucket, now_ms = self._bucket(attempt), self._now_ms()
        interval_ms, limit_ms = attempt.interval_ms, now_ms + attempt.tolerance_ms
        full_ms = limit_ms + interval_ms
        times_ms = (now_ms, now_ms + interval_ms, interval_ms, limit_ms, full_ms + MAX_SKEW_MS, full_ms)
        if await tx.fetch_one(_TAKE, bucket, *times_ms) is not None:
            return
        [arrival_ms] = await tx.fetch_one(_ARRIVAL, bucket) or [limit_ms]
        self.num_refused += 1
        raise Refusal(
            Kind.LIMITED,
            "too_many_attempts",
            "too many attempts; later attempts will be looked at again",
            retry_after_s=max(arrival_ms - limit_ms, 1) / 1000,
        )

    def _bucket(self, attempt: Attempt) -> str:
        digest = hmac.digest(self._key, f"{attempt.purpose}\0{attempt.key}".encode("utf-8", "surrogatepass"), "sha256")
        return f"{attempt.purpose}:{digest.hex()[:BUCKET_DIGITS]}"

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


def network_of(address: str) -> str:
    """The network an address is counted by: one customer of a provider has all of an IPv6 /64, and often of a /24.

    What is no IP address (a UNIX socket's peer) counts as it is.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    ip = getattr(ip, "ipv4_mapped", None) or ip
    prefix = IPV4_PREFIX if ip.version == 4 else IPV6_PREFIX  # noqa: PLR2004  # IP versions
    return str(ipaddress.ip_network((ip, prefix), strict=False))
