"""How fast one user may write, whatever door the mutations come through. In memory, per node, bounded."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from hub.rate_limit import Bucket, Rate
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from hub.clock import Clock

MAX_USERS: Final = 50_000
"""With more than these the ones not heard of for longest are forgotten: their rate begins anew."""


class WriteRate:
    """One rate for all, and a bucket for each.

    Args:
        per_s: mutations a second; 0 is no limit.

    Attributes:
        num_refused: mutations sent away.
    """

    def __init__(self, per_s: float, burst: int, clock: Clock) -> None:
        self._clock = clock
        self._rate = Rate(per_s, burst) if per_s else None
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self.num_refused = 0

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, user: str) -> None:
        """Use one up.

        Raises:
            Refusal: LIMITED too_many_requests.
        """
        if self._rate is None:
            return
        now_s = self._clock.monotonic_s()
        bucket = self._bucket(user, self._rate)
        if not bucket.take(now_s):
            self.num_refused += 1
            raise Refusal(Kind.LIMITED, "too_many_requests", retry_after_s=bucket.retry_after_s(now_s))

    def _bucket(self, user: str, rate: Rate) -> Bucket:
        bucket = self._buckets.get(user)
        if bucket is not None:
            self._buckets.move_to_end(user)
            return bucket
        if len(self._buckets) >= MAX_USERS:
            self._buckets.popitem(last=False)
        bucket = self._buckets[user] = Bucket(rate)
        return bucket
