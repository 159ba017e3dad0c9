"""What sentinels say, and whom to believe when they disagree."""

from __future__ import annotations

from typing import Any

import pytest

from hub.engines.redis.config import Address
from hub.engines.redis.failures import ServerError
from hub.engines.redis.informants import Statement
from hub.engines.redis.sentinel import Claim, claim_of, latest

OLD, NEW = Address("10.0.0.1", 6379), Address("10.0.0.2", 6379)

STATE = [b"name", b"main", b"port", b"6379", b"config-epoch", b"7"]


def test_a_sentinel_says_who_and_since_which_election() -> None:
    assert claim_of([b"10.0.0.2", b"6379"], STATE) == Claim(7, NEW)


@pytest.mark.parametrize(
    ("address", "state"),
    [
        (None, STATE),
        ([b"10.0.0.2", b"6379"], [b"name", b"main"]),
        ([b"10.0.0.2", b"none"], STATE),
        ([b"10.0.0.2"], STATE),
        ([b"10.0.0.2", b"6379"], [b"name"]),
    ],
)
def test_what_is_no_answer_of_a_sentinel_is_refused(address: list[bytes] | None, state: list[Any]) -> None:
    with pytest.raises(ServerError):
        claim_of(address, state)


def test_the_latest_election_is_right_however_many_have_not_heard_of_it() -> None:
    assert latest(_said(Claim(7, OLD), Claim(8, NEW), Claim(7, OLD))).primary == NEW


def test_of_one_election_the_majority_is_right() -> None:
    """The leader names the new one a moment before the epoch of its configuration shows it."""
    assert latest(_said(Claim(7, OLD), Claim(7, NEW), Claim(7, NEW))).primary == NEW


def _said(*claims: Claim) -> list[Statement[Claim]]:
    return [Statement(Address("sentinel", number), claim) for number, claim in enumerate(claims)]
