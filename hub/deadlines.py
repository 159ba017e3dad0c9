"""One timer for all connections of a node: each says when it next has something to do. Pure.

A timer handle per connection would cost more memory than the whole rest of an idle connection, and 10,000 pings in one
tick would make a burst; slots of a quarter of a second bound both.
"""

from __future__ import annotations

import math
from typing import Protocol

TICK_S = 0.25
NEVER = math.inf


class Deadlined(Protocol):
    """Something with at most one deadline at a time; `deadline_slot` belongs to the wheel."""

    deadline_slot: int


class DeadlineWheel:
    """Deadlines by slot; never early, at most one tick plus the sweep late.

    Invariant WHL-1: an item is in the slot that its `deadline_slot` names and in no other, so one that is gone is not
    held by its old deadlines.
    """

    def __init__(self) -> None:
        self._slots: dict[int, dict[Deadlined, None]] = {}
        self._swept = 0

    def set(self, item: Deadlined, at_s: float) -> None:
        """Set or move the deadline (monotonic seconds); NEVER clears it."""
        slot = 0 if at_s == NEVER else max(math.ceil(at_s / TICK_S), self._swept + 1)
        if item.deadline_slot == slot:
            return
        if item.deadline_slot:
            self._take_out(item)
        item.deadline_slot = slot
        if slot:
            self._slots.setdefault(slot, {})[item] = None

    def due(self, now_s: float) -> list[Deadlined]:
        """Take the items whose deadline has come."""
        current = int(now_s / TICK_S)
        if not self._swept:
            # Not beyond now, however far the first deadline is: nearer ones may still be set.
            self._swept = min(current, min(self._slots, default=current) - 1)
        due: list[Deadlined] = []
        late = range(self._swept + 1, current + 1)
        slots = late if len(late) <= len(self._slots) else sorted(s for s in self._slots if s <= current)
        for slot in slots:
            due += self._slots.pop(slot, ())
        self._swept = max(self._swept, current)
        for item in due:
            item.deadline_slot = 0
        return due

    def _take_out(self, item: Deadlined) -> None:
        items = self._slots[item.deadline_slot]
        del items[item]
        if not items:
            del self._slots[item.deadline_slot]
