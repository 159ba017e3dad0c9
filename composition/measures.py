"""What the parts of a node count, made known to its hub: `info`, the console and the exporters read it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.gauges import Measured
    from hub.hub import Hub
    from storage.database import Database, Storage

PARTS = ("auth", "business", "relay")


class StorageMeasures:
    """The sums over the parts of a storage, and its connections part by part.

    Attributes:
        unit_s: how long units of work take.
    """

    def __init__(self, storage: Storage) -> None:
        self._parts: tuple[Database, ...] = distinct_parts(storage)
        self._by_name: dict[str, Database] = {name: getattr(storage, name) for name in PARTS}
        self.unit_s = Histogram()
        for part in self._parts:
            part.counters.observe_unit_s = self.unit_s.observe

    def measures(self) -> dict[str, float]:
        counters = [part.counters for part in self._parts]
        return {
            "storage_commits": sum(each.commits for each in counters),
            "storage_groups": sum(each.groups for each in counters),
            "storage_reruns": sum(each.reruns for each in counters),
            "storage_failures": sum(each.failures for each in counters),
            "storage_turned_away": sum(each.turned_away for each in counters),
            "storage_waiting": sum(part.num_waiting for part in self._parts),
            **self._connections(),
        }

    def _connections(self) -> dict[str, float]:
        """SQLite's are the same ones for all parts."""
        measures: dict[str, float] = {}
        for name, part in self._by_name.items():
            counters = part.counters
            measures[f"storage_connections_in_use.{name}"] = counters.in_use
            measures[f"storage_connections_idle.{name}"] = max(0, counters.num_connections() - counters.in_use)
            measures[f"storage_callers_waiting.{name}"] = part.num_waiting
        return measures


def distinct_parts(storage: Storage) -> tuple[Database, ...]:
    """SQLite is one database for all parts."""
    return tuple({id(part): part for part in (storage.auth, storage.business, storage.relay)}.values())


def add_gauges(hub: Hub, sources: Iterable[Measured]) -> None:
    """Make everything that the sources count visible among the hub's measures.

    Raises:
        ValueError: two count under one name.
    """
    known = set(hub.measures())
    for source in sources:
        for name in source.measures():
            if name in known:
                raise ValueError(f"{name} is counted twice")
            known.add(name)
        hub.measured.append(source)


def add_histograms(hub: Hub, histograms: Mapping[str, Histogram]) -> None:
    """The same for distributions.

    Raises:
        ValueError: two have one name.
    """
    for name, histogram in histograms.items():
        if name in hub.histograms:
            raise ValueError(f"{name} is measured twice")
        hub.histograms[name] = histogram
