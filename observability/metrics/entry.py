"""One row of the catalogue."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

PREFIX: Final = "syncline_"

UNPREFIXED: Final = ("process_", "python_")
"""What every program in Python calls so; dashboards of others know these names."""

Kind = Literal["counter", "gauge", "histogram"]

ANY: Final = ".*"


class Entry(NamedTuple):
    """What a measure is called outside.

    Attributes:
        measure: as the hub has it; `name.*` for `name.<label>`, several labels being separated by `|`.
        family: the metric's name, without prefix and without `_total`; "" for a measure that others add up to.
        help: of the family: needed once for each.
        labels: what they are called, in their order.
        fixed: labels that all series of this measure have.
        known: label values that are there from the beginning, at 0: a series that begins at 1 hides the first time.
            All others are one, `other`.
    """

    measure: str
    family: str
    kind: Kind
    help: str = ""
    labels: tuple[str, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    known: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The family's, whole, as OpenMetrics has it: without `_total`."""
        return self.family if self.family.startswith(UNPREFIXED) else PREFIX + self.family

    @property
    def unit(self) -> str:
        """`seconds`, `bytes`, or ""."""
        last = self.family.rpartition("_")[2]
        return last if last in ("seconds", "bytes") else ""


def counter(measure: str, family: str, help: str = "", *labels: str, **fixed: str) -> Entry:  # noqa: A002  # Prometheus's word
    return Entry(measure, family, "counter", help, labels, tuple(fixed.items()))


def gauge(measure: str, family: str, help: str = "", *labels: str, **fixed: str) -> Entry:  # noqa: A002  # same
    return Entry(measure, family, "gauge", help, labels, tuple(fixed.items()))


def histogram(measure: str, family: str, help: str = "", *labels: str, **fixed: str) -> Entry:  # noqa: A002  # same
    return Entry(measure, family, "histogram", help, labels, tuple(fixed.items()))


def part_of(measure: str, sum_of: str) -> Entry:
    """A measure that is the sum of the series of a family, and no metric by itself."""
    return Entry(measure, "", "counter", sum_of)
