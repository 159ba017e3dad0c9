"""Which deliveries of a channel are done with, and how to acknowledge them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Acknowledgement(NamedTuple):
    tag: int
    is_multiple: bool
    """Everything up to this tag, not this one alone."""


class Tally:
    """Counts the delivery tags of one channel, which the broker numbers from 1.

    Groups are acknowledged with one frame. What is done with behind a delivery that is not is acknowledged alone,
    because a group would take the open one along; the broker closes the channel for a tag that is acknowledged twice.

    Attributes:
        floor: every delivery up to this one is done with.
        num_settled: deliveries done with so far.
    """

    def __init__(self) -> None:
        self.floor = 0
        self.num_settled = 0
        self._ahead: set[int] = set()

    def settle(self, tags: Iterable[int]) -> list[Acknowledgement]:
        """Note that these, in rising order, are done with; how to tell the broker."""
        alone: list[Acknowledgement] = []
        group = 0
        for tag in tags:
            self.num_settled += 1
            if tag == self.floor + 1:
                group = tag
                self._raise_floor(tag)
            else:
                self._ahead.add(tag)
                alone.append(Acknowledgement(tag, is_multiple=False))
        return [Acknowledgement(group, is_multiple=True), *alone] if group else alone

    def _raise_floor(self, tag: int) -> None:
        self.floor = tag
        while self.floor + 1 in self._ahead:
            self.floor += 1
            self._ahead.remove(self.floor)
