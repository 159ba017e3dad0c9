"""What every measure of a node is called outside: the one table that `/metrics`, OTLP and docs/metrics.md are made of.

A measure's label comes from a closed set: codes, methods, configured names, templates. Never from a client, a channel
or a path as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from observability.metrics import catalogue_hub, catalogue_observability, catalogue_platform, catalogue_relay
from observability.metrics.entry import ANY, Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRIES: Final[tuple[Entry, ...]] = (
    *catalogue_hub.ENTRIES,
    *catalogue_relay.ENTRIES,
    *catalogue_platform.ENTRIES,
    *catalogue_observability.ENTRIES,
)

VALUES: Final[Mapping[str, Entry]] = {entry.measure: entry for entry in ENTRIES if entry.kind != "histogram"}
DISTRIBUTIONS: Final[Mapping[str, Entry]] = {entry.measure: entry for entry in ENTRIES if entry.kind == "histogram"}

HELP: Final[Mapping[str, str]] = {entry.name: entry.help for entry in reversed(ENTRIES) if entry.family and entry.help}


def entry_of(measure: str, entries: Mapping[str, Entry]) -> tuple[Entry | None, str]:
    """The row of a measure, and what follows its dot."""
    name, dot, label = measure.partition(".")
    return entries.get(name + ANY if dot else name), label
