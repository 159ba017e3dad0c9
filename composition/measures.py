"""What the platform counts, beside the hub's own counters: `info` and, later, metrics read it there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.hub import Hub
    from storage.database import Database, Storage


class Measured(Protocol):
    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name; always the same names."""


class StorageMeasures:
    """The sums over the parts of a storage."""

    def __init__(self, storage: Storage) -> None:
        self._parts: tuple[Database, ...] = distinct_parts(storage)

    def measures(self) -> dict[str, float]:
        counters = [part.counters for part in self._parts]
        return {
            "storage_commits": sum(each.commits for each in counters),
            "storage_groups": sum(each.groups for each in counters),
            "storage_reruns": sum(each.reruns for each in counters),
            "storage_failures": sum(each.failures for each in counters),
            "storage_turned_away": sum(each.turned_away for each in counters),
            "storage_waiting": sum(part.num_waiting for part in self._parts),
        }


def distinct_parts(storage: Storage) -> tuple[Database, ...]:
    """SQLite is one database for all parts."""
    return tuple({id(part): part for part in (storage.auth, storage.business, storage.relay)}.values())


def add_gauges(hub: Hub, sources: Iterable[Measured]) -> None:
    """Make everything that the sources count visible among the hub's gauges.

    Raises:
        ValueError: two count under one name.
    """
    for source in sources:
        for name in source.measures():
            if name in hub.gauges:
                raise ValueError(f"{name} is counted twice")
            hub.gauges[name] = partial(_read, source, name)


def _read(source: Measured, name: str) -> float:
    return source.measures()[name]
