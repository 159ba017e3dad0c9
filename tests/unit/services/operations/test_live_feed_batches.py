from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.operations.live_feed import MAX_BATCH_BYTES, MAX_ENTRIES, fitting


@given(st.lists(st.text(), max_size=400))
def test_the_newest_that_fit_in_their_order(entries: list[str]) -> None:
    told, left_out = fitting(entries)
    assert [msgspec.json.decode(each) for each in told] == entries[left_out:]
    assert left_out == max(0, len(entries) - MAX_ENTRIES)


def test_what_is_too_large_is_left_out_with_all_before_it() -> None:
    told, left_out = fitting(["old", "x" * MAX_BATCH_BYTES, "new"])
    assert (told, left_out) == ([msgspec.Raw(b'"new"')], 2)


def test_a_batch_is_no_larger_than_allowed() -> None:
    told, _ = fitting(["y" * 10_000] * MAX_ENTRIES)
    assert sum(len(bytes(each)) for each in told) <= MAX_BATCH_BYTES
