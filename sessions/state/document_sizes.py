"""How large documents were when they were last seen: what a mutation of them will cost, before they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sessions.state.ledger import Slot

MAX_KNOWN: Final = 10_000
UNKNOWN_BYTES: Final = 4_096
"""What a document is taken for that was not seen yet."""


class DocumentSizes:
    """A guess, bounded: with too many it begins anew."""

    def __init__(self) -> None:
        self._bytes: dict[tuple[str, str], int] = {}

    def of(self, user: str, key: str) -> int:
        return self._bytes.get((user, key), UNKNOWN_BYTES)

    def note(self, slots: Mapping[tuple[str, str], Slot]) -> None:
        if len(self._bytes) > MAX_KNOWN:
            self._bytes.clear()
        for place, slot in slots.items():
            self._bytes[place] = 0 if slot.value is None else len(slot.value)
