"""Snapshots of one or several processes, as metrics with their series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from observability.metrics.catalogue import DISTRIBUTIONS, HELP, VALUES, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from observability.metrics.entry import Entry, Kind
    from observability.metrics.snapshot import Distribution, Snapshot

Labels = dict[str, str]

OTHER: Final = "other"
"""For all labels that are not among those of a closed set: a backend may close connections with codes of its own."""


class Series(NamedTuple):
    labels: Labels
    value: float | Distribution


class Family(NamedTuple):
    """One metric. `name` has no `_total`, `_bucket` and so on."""

    name: str
    kind: Kind
    unit: str
    help: str
    series: list[Series]


def families(snapshots: Mapping[str, Snapshot]) -> list[Family]:
    """By name.

    Args:
        snapshots: by worker; "" as the only one for a process that is alone, and then no series says which.
    """
    found: dict[str, Family] = {}
    for worker, snapshot in snapshots.items():
        own = {"worker": worker} if worker else {}
        num_unlisted = 0
        for entry, label, value in _listed(snapshot):
            if entry is None:
                num_unlisted += 1
            elif entry.family:
                _family(found, entry).series.append(Series(own | _labels(entry, label), value))
        unlisted = _family(found, VALUES["measures_unlisted"])
        unlisted.series.append(Series(own, float(num_unlisted)))
    return sorted(found.values())


def _listed(snapshot: Snapshot) -> Iterator[tuple[Entry | None, str, float | Distribution]]:
    known = {entry: dict.fromkeys((*entry.known, OTHER), 0.0) for entry in _WITH_KNOWN}
    for measure, value in snapshot.values.items():
        entry, label = entry_of(measure, VALUES)
        if entry in known:
            by_label = known[entry]
            by_label[label if label in by_label else OTHER] += value
        else:
            yield entry, label, value
    for entry, by_label in known.items():
        for label, value in by_label.items():
            yield entry, label, value
    for measure, distribution in snapshot.distributions.items():
        yield *entry_of(measure, DISTRIBUTIONS), distribution


_WITH_KNOWN = [entry for entry in VALUES.values() if entry.known]


def _labels(entry: Entry, label: str) -> Labels:
    labels = dict(entry.fixed)
    if entry.labels:
        labels |= zip(entry.labels, label.split("|", len(entry.labels) - 1), strict=False)
    return labels


def _family(found: dict[str, Family], entry: Entry) -> Family:
    family = found.get(entry.name)
    if family is None:
        family = found[entry.name] = Family(entry.name, entry.kind, entry.unit, HELP[entry.name], [])
    return family
