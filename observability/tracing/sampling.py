"""Which traces are followed: some of those that begin here, and those of others up to a bound. Pure."""

from __future__ import annotations

import math
import random
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

from hub.rate_limit import Bucket, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hub.clock import Clock
    from hub.tracing import TraceContext
    from observability.config import TracingConfig
    from observability.tracing.environment import SamplerChoice

NEVER: Final = 1 << 62
"""More occasions than a process has."""

_LOW_64_BITS: Final = (1 << 64) - 1


class Allowance:
    """So many a second and not more, a second's worth of them at once.

    Attributes:
        num_refused: how often there was none left.
    """

    def __init__(self, per_s: float, clock: Clock) -> None:
        self._clock = clock
        self._bucket = Bucket(Rate(per_s, max(1, int(per_s)))) if per_s > 0 else None
        self.num_refused = 0

    def take(self) -> bool:
        if self._bucket is not None and self._bucket.take(self._clock.monotonic_s()):
            return True
        self.num_refused += 1
        return False


class Sampling:
    """The decisions of one node.

    Instead of a random number for each occasion, one says how many occasions pass until the next trace: the same
    distribution, and in between an iterator in C that says no.

    Args:
        choice: what the environment asks for; it wins over the ratio that is configured, not over the bounds.

    Attributes:
        roots, followed, strangers: what the bounds have left out.
        samples_root: as hub.tracing.Tracer. Hot: 25 ns and no Python, but for the one in so many that is followed.
    """

    __slots__ = ("_log_of_miss", "_ratio", "_respects_parent", "followed", "roots", "samples_root", "strangers")

    samples_root: Callable[[], bool]

    def __init__(self, config: TracingConfig, choice: SamplerChoice | None, clock: Clock) -> None:
        self._ratio = config.sample_ratio if choice is None else choice.ratio
        self._respects_parent = choice is None or choice.respects_parent
        self._log_of_miss = math.log1p(-self._ratio) if self._ratio < 1 else 0.0
        self.roots = Allowance(config.max_roots_per_s, clock)
        self.followed = Allowance(config.max_followed_per_s, clock)
        self.strangers = Allowance(config.max_followed_per_s / 2, clock)
        self.samples_root = chain.from_iterable(self._occasions()).__next__

    def follows(self, parent: TraceContext, *, is_stranger: bool = False) -> bool:
        """As hub.tracing.Tracer."""
        if not parent.is_sampled or not self._agrees(parent):
            return False
        return (not is_stranger or self.strangers.take()) and self.followed.take()

    def _agrees(self, parent: TraceContext) -> bool:
        """A sampler that is not based on the parent decides by the id, as every other process with it does."""
        return self._respects_parent or int(parent.trace_id, 16) & _LOW_64_BITS < self._ratio * (_LOW_64_BITS + 1)

    def _occasions(self) -> Iterator[Iterable[bool]]:
        """What is said to each occasion, for ever."""
        while True:
            yield repeat(False, self._num_misses())
            yield (self.roots.take(),)  # asked for when its turn has come

    def _num_misses(self) -> int:
        """How many occasions pass before the next trace begins: geometrically distributed."""
        if self._ratio >= 1:
            return 0
        if not self._log_of_miss:
            return NEVER  # none, or one in more than a float can tell from none
        misses = math.log(1.0 - random.random()) / self._log_of_miss
        return int(misses) if misses < NEVER else NEVER
