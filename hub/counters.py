"""What the hub counts: plain integers on the hot path, read by whoever exports them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_NAMESPACE: Final = "-"
"""No namespace can be called so."""


@dataclass(slots=True)
class NamespaceCounts:
    """By namespace, "" for channels without one: of those that are configured, and always of all of them.

    Attributes:
        publications, deliveries: totals. What nobody here is subscribed to is published and not delivered.
        subscriptions, channels: at this moment.
    """

    publications: Counter[str]
    deliveries: Counter[str]
    subscriptions: Counter[str]
    channels: Counter[str]

    @classmethod
    def of(cls, namespaces: Iterable[str]) -> NamespaceCounts:
        names = ["", *namespaces]
        return cls(*(Counter(dict.fromkeys(names, 0)) for _ in range(4)))

    def measures(self) -> dict[str, float]:
        """Flat names and values."""
        return {
            f"namespace_{name}.{namespace or NO_NAMESPACE}": float(count)
            for name in self.__slots__
            for namespace, count in getattr(self, name).items()
        }


@dataclass(slots=True)
class Counters:
    """Totals since the node started. Keys come from closed sets: command names, error and close codes."""

    connections_opened: int = 0
    upgrades_abandoned: int = 0
    commands: int = 0
    bad_frames: int = 0
    publications: int = 0
    publications_suppressed: int = 0
    slow_closed: int = 0
    recovered: int = 0
    unrecovered: int = 0
    insufficient_state: int = 0
    recovered_publications: int = 0
    reply_errors: Counter[int] = field(default_factory=Counter)
    disconnects: Counter[int] = field(default_factory=Counter)
    unsubscribes: Counter[int] = field(default_factory=Counter)
    handler_failures: int = 0
    announcements_lost: int = 0

    def totals(self) -> dict[str, float]:
        """Flat names and values, as `info` shows them."""
        flat: dict[str, float] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, Counter):
                flat |= {f"{name}.{code}": float(count) for code, count in value.items()}
            else:
                flat[name] = float(value)
        return flat
