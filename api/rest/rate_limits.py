"""How much of the REST API one address, and one user, may take. In memory, per node, bounded.

Guessing passwords has its own, durable throttle in the accounts service; this one keeps a single caller from using up a
node. Headers: `RateLimit` and `RateLimit-Policy` (IETF draft-ietf-httpapi-ratelimit-headers-11).
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from hub.rate_limit import Bucket, Rate
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from api.config import RestConfig
    from hub.clock import Clock

MAX_BUCKETS: Final = 50_000
"""Per limit. With more callers than these the ones not heard of for longest are forgotten: their rate begins anew."""


class RateExceeded(Refusal):
    """More than the rate allows. `headers` say so."""

    def __init__(self, retry_after_s: int, headers: dict[str, str]) -> None:
        super().__init__(Kind.LIMITED, "too_many_requests", retry_after_s=retry_after_s)
        self.headers = headers


class Limit:
    """One rate, and a bucket for each of those it counts."""

    def __init__(self, name: str, per_s: float, burst: int) -> None:
        self.policy = f'"{name}";q={burst};w={max(1, math.ceil(burst / per_s))}'
        self.num_forgotten = 0
        self._name = name
        self._rate = Rate(per_s, burst)
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now_s: float) -> dict[str, str]:
        """Use one up, and say in headers what is left.

        Raises:
            RateExceeded
        """
        bucket = self._bucket(key)
        is_within = bucket.take(now_s)
        headers = self._headers(bucket, now_s)
        if is_within:
            return headers
        raise RateExceeded(math.ceil(bucket.retry_after_s(now_s)) or 1, headers)

    def _bucket(self, key: str) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        if len(self._buckets) >= MAX_BUCKETS:
            self._buckets.popitem(last=False)
            self.num_forgotten += 1
        bucket = self._buckets[key] = Bucket(self._rate)
        return bucket

    def _headers(self, bucket: Bucket, now_s: float) -> dict[str, str]:
        left, reset_s = bucket.remaining(now_s), math.ceil(bucket.retry_after_s(now_s)) or 1
        return {"RateLimit-Policy": self.policy, "RateLimit": f'"{self._name}";r={left};t={reset_s}'}


class RateLimits:
    """Both limits; a rate of 0 is no limit."""

    def __init__(self, config: RestConfig, clock: Clock) -> None:
        self._clock = clock
        self.of_address = _limit("address", config.rate_per_address_per_s, config.burst_per_address)
        self.of_user = _limit("user", config.rate_per_user_per_s, config.burst_per_user)

    def take_for_address(self, address: str) -> dict[str, str]:
        return {} if self.of_address is None else self.of_address.take(network_of(address), self._clock.monotonic_s())

    def take_for_user(self, user: str) -> dict[str, str]:
        return {} if self.of_user is None else self.of_user.take(user, self._clock.monotonic_s())

    @property
    def num_forgotten(self) -> int:
        return sum(limit.num_forgotten for limit in (self.of_address, self.of_user) if limit is not None)


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that an IPv6 subscriber has to himself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))  # noqa: PLR2004  # IPv4


def _limit(name: str, per_s: float, burst: int) -> Limit | None:
    return Limit(name, per_s, max(1, burst)) if per_s else None
