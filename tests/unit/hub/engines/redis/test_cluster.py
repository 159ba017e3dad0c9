"""What the servers of a cluster say about slots, and what we make of it when they disagree."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.engines.redis.cluster import Claim, claims_in, endpoints_in, merge
from hub.engines.redis.config import Address
from hub.engines.redis.topology import NUM_SLOTS

A, B, C = (Address("10.0.0.1", port) for port in (7001, 7002, 7003))

NODES = b"""\
aaa 10.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-99 105 [106->-bbb]
bbb 10.0.0.1:7002@17002 master - 0 1795534694526 2 connected 100-104 106-199 [105-<-aaa]
ccc 10.0.0.1:7003@17003,c.example master,fail - 1795534694000 1795534694526 3 disconnected 200-16383
ddd 10.0.0.1:7004@17004 slave aaa 0 1795534694526 1 connected
eee 10.0.0.1:7005@17005 master - 0 1795534694526 0 connected
"""

ENDPOINTS = {b"aaa": A, b"bbb": B, b"ccc": C}


def test_primaries_with_slots_claim_what_they_have_and_nothing_that_is_on_its_way() -> None:
    assert list(claims_in(NODES, ENDPOINTS)) == [
        Claim(1, A, (range(100), range(105, 106))),
        Claim(2, B, (range(100, 105), range(106, 200))),
        Claim(3, C, (range(200, NUM_SLOTS),)),
    ]


@pytest.mark.parametrize(
    ("endpoint", "metadata", "host"),
    [
        (b"10.0.0.9", [], "10.0.0.9"),
        (b"c.example", [[b"ip", b"10.0.0.9"]], "c.example"),
        (b"", [], "asked.example"),
        (None, [[]], "asked.example"),
        (b"?", [[b"ip", b"10.0.0.9"]], "10.0.0.9"),
        (b"?", [], "asked.example"),
    ],
)
def test_a_primary_is_reached_where_the_cluster_says_or_where_it_was_asked(
    endpoint: bytes | None, metadata: list[Any], host: str
) -> None:
    slots = [[0, 16383, [endpoint, 7001, b"aaa", *metadata], [b"10.0.0.8", 7004, b"ddd"]]]
    assert endpoints_in(slots, "asked.example") == {b"aaa": Address(host, 7001)}


def test_a_map_names_the_primary_of_each_slot_and_none_where_nobody_serves_it() -> None:
    merged = merge([[Claim(1, A, (range(100),)), Claim(2, B, (range(200, 300),))]])
    assert merged.primaries == (A, B)
    assert [merged.of(slot) for slot in (0, 99, 100, 200, 299, 300)] == [A, A, None, B, B, None]


def test_who_lost_all_slots_is_no_longer_in_the_map() -> None:
    before = [Claim(1, A, (range(NUM_SLOTS),))]
    after = [Claim(7, B, (range(NUM_SLOTS),))]
    assert merge([before, after]).primaries == (B,)
    assert merge([after, before]) == merge([after])


def test_nobody_knows_anything() -> None:
    assert merge([]).primaries == ()
    assert merge([[]]).of(0) is None


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_once_the_new_owner_is_heard_every_order_of_answers_gives_its_slots_to_it(seed: int, moves: int) -> None:
    """Servers that have not heard of a move still say what was true before."""
    rng = random.Random(seed)
    owners = {0: (1, A), 1: (2, B), 2: (3, C)}  # by part of the slots: epoch and owner
    views = [_view(owners)]
    for epoch in range(4, 4 + moves):
        owners[rng.randrange(3)] = (epoch, rng.choice((A, B, C)))
        views.append(_view(owners))
    rng.shuffle(views)
    merged = merge(views)
    assert [merged.of(part * 5000) for part in range(3)] == [owners[part][1] for part in range(3)]


def _view(owners: dict[int, tuple[int, Address]]) -> list[Claim]:
    return [Claim(epoch, owner, (range(part * 5000, part * 5000 + 5000),)) for part, (epoch, owner) in owners.items()]
