"""How large a document is taken for."""

from __future__ import annotations

import pytest

from sessions.state import document_sizes as module
from sessions.state.document_sizes import UNKNOWN_BYTES, DocumentSizes
from sessions.state.ledger import Slot


def test_a_document_is_as_large_as_it_was_when_last_seen() -> None:
    sizes = DocumentSizes()
    assert sizes.of("ann", "cart") == UNKNOWN_BYTES

    sizes.note({("ann", "cart"): Slot(1, b"[1]"), ("ann", "gone"): Slot(2, None)})

    assert (sizes.of("ann", "cart"), sizes.of("ann", "gone")) == (3, 0)
    assert sizes.of("bob", "cart") == UNKNOWN_BYTES


def test_only_so_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KNOWN", 10)
    sizes = DocumentSizes()
    for number in range(100):
        sizes.note({("ann", f"k{number}"): Slot(1, b"1")})

    assert sum(sizes.of("ann", f"k{number}") == 1 for number in range(100)) <= 11
    assert sizes.of("ann", "k99") == 1
