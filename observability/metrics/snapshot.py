"""Everything counted and measured at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from hub.hub import Hub


class Distribution(Struct, frozen=True, gc=False):
    """A hub.histogram.Histogram as it was. `counts` are of each bucket by itself; the last has no bound."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float


class Snapshot(Struct, frozen=True):
    """By the names of Hub.measures() and Hub.histograms."""

    values: dict[str, float]
    distributions: dict[str, Distribution]


def snapshot_of(hub: Hub) -> Snapshot:
    """On the event loop's thread, in a fraction of a millisecond; reading it may then be anybody's."""
    values = hub.measures()
    values[f"build_info.{hub.config.version}"] = 1.0
    distributions = {
        name: Distribution(histogram.bounds, list(histogram.counts), histogram.total)
        for name, histogram in list(hub.histograms.items())
    }
    return Snapshot(values, distributions)
