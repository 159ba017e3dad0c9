"""Names of keys: one slot per channel, and no two things of one name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.engines.redis.keys import MAX_REMEMBERED, Keys, slot_of
from hub.engines.redis.topology import NUM_SLOTS

NAMES = st.text(alphabet=st.sampled_from("ab{}.:@1\0é"), max_size=6) | st.text(max_size=20)


@given(channel=NAMES, prefix=st.sampled_from(["syncline", "a.b", ""]))
def test_everything_of_a_channel_is_in_one_slot(channel: str, prefix: str) -> None:
    keys = Keys(prefix).of(channel)
    slots = {slot_of(name) for name in keys if isinstance(name, bytes)} | {slot_of(keys.outcome + b"{any}key")}
    assert slots == {keys.slot}
    assert 0 <= keys.slot < NUM_SLOTS


@given(one=NAMES, other=NAMES, one_key=NAMES, other_key=NAMES)
def test_no_two_channels_or_keys_share_a_name(one: str, other: str, one_key: str, other_key: str) -> None:
    keys = Keys("syncline")
    first, second = keys.of(one), keys.of(other)
    same_outcome = first.outcome + one_key.encode() == second.outcome + other_key.encode()
    assert same_outcome == ((one, one_key) == (other, other_key))
    if one != other:
        assert not set(first[1:]) & set(second[1:])
    assert not set(first[1:]) & set(keys.system(other)[1:])


def test_what_one_prefix_names_no_other_does() -> None:
    assert not set(Keys("a").of("news")[1:]) & set(Keys("b").of("news")[1:])


@pytest.mark.parametrize(
    ("key", "slot"),
    [(b"foo", 12182), (b"{foo}.x", 12182), (b"x{foo}{bar}", 12182), (b"", 0), (b"123456789", 12739)],
)
def test_slots_are_those_of_redis(key: bytes, slot: int) -> None:
    assert slot_of(key) == slot


def test_empty_braces_are_none() -> None:
    assert slot_of(b"{}foo") != slot_of(b"{}bar")


def test_channels_are_spread_over_slots() -> None:
    keys = Keys("syncline")
    assert len({keys.of(f"user:{number}").slot for number in range(1_000)}) > 800


def test_no_more_are_remembered_than_is_said() -> None:
    keys = Keys("syncline")
    first = keys.of("first")
    assert keys.of("first") is first
    for number in range(MAX_REMEMBERED):
        keys.of(str(number))
    assert keys.of("first") == first
    assert keys.of("first") is not first
