"""Histories, gates and positions of every kind, against the rules of docs/protocol.md section 3 written down anew."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.engine import History
from hub.protocol.messages import Publication, StreamPosition
from hub.recovery import MAX_HELD, Gate, Insufficient, RecoverFrom, Settled, settle

EPOCH = "here"
OTHER = "elsewhere"

OFFSETS = st.integers(0, 12)
EPOCHS = st.sampled_from([EPOCH, EPOCH, "", OTHER, "_"])
LIMITS = st.sampled_from([0, 0, 1, 3, 6])


def publications(offsets: list[int]) -> list[Publication]:
    return [Publication(offset=offset) for offset in offsets]


def offsets_of(found: list[Publication]) -> list[int]:
    return [publication.offset for publication in found]


class Situation(NamedTuple):
    """What is true while one client joins.

    Attributes:
        top: the stream's top when the history is read.
        kept: the offsets that the stream still holds then; they end at the top, or there are none.
        arrived: what the gate was offered, in order: (offset, epoch).
        wanted: where the client stands.
    """

    top: int
    kept: list[int]
    arrived: list[tuple[int, str]]
    wanted: RecoverFrom
    limit: int

    def gate(self) -> Gate:
        gate = Gate()
        for offset, epoch in self.arrived:
            gate.hold(Publication(offset=offset), epoch)
        return gate

    @property
    def has_seam(self) -> bool:
        """Whether what arrived continues the history without a gap, as far as it goes beyond it."""
        offsets = [offset for offset, _ in self.arrived]
        is_contiguous = offsets == list(range(offsets[0], offsets[0] + len(offsets))) if offsets else True
        beyond = [offset for offset in offsets if offset > self.top]
        return (
            is_contiguous
            and all(epoch == EPOCH for _, epoch in self.arrived)
            and (not beyond or beyond[0] == self.top + 1)
        )

    @property
    def newest(self) -> int:
        """The last offset that has been published, as far as the node can know."""
        return max([self.top, *(offset for offset, _ in self.arrived)])

    @property
    def missed(self) -> list[int]:
        return list(range(self.wanted.offset + 1, self.newest + 1))

    @property
    def obtainable(self) -> set[int]:
        """What is in the stream, or was added to it since it was read."""
        return {*self.kept, *(offset for offset, _ in self.arrived if offset > self.top)}


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    top = draw(OFFSETS)
    first_kept = draw(st.integers(1, top + 1))
    begin = draw(st.integers(max(1, top - 3), top + 2) | st.just(top + 1))
    arrived = [(offset, EPOCH) for offset in range(begin, begin + draw(st.integers(0, 4)))]
    if arrived and draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(arrived) - 1))
        damage = draw(st.sampled_from(["lost", "other epoch", "twice"]))
        if damage == "lost":
            del arrived[at]
        elif damage == "other epoch":
            arrived[at:] = [(offset, OTHER) for offset, _ in arrived[at:]]
        else:
            arrived.insert(at, arrived[at])
    wanted = RecoverFrom(draw(OFFSETS | st.integers(top, top + 5)), draw(EPOCHS))
    return Situation(top, list(range(first_kept, top + 1)), arrived, wanted, limit=draw(LIMITS))


def settle_stream(situation: Situation) -> Settled:
    """With the history that `limit` and `wanted` ask the engine for."""
    after = [offset for offset in situation.kept if offset > situation.wanted.offset]
    read = after[: situation.limit] if situation.limit else after
    history = History(publications(read), StreamPosition(situation.top, EPOCH))
    return settle(situation.gate(), history, situation.wanted, is_cache=False, limit=situation.limit)


def settle_cache(situation: Situation) -> Settled:
    history = History(publications(situation.kept[-1:]), StreamPosition(situation.top, EPOCH))
    return settle(situation.gate(), history, situation.wanted, is_cache=True, limit=situation.limit)


@given(situations())
def test_a_stream_is_recovered_whole_or_not_at_all(situation: Situation) -> None:
    """REC-1: recovered if and only if everything that was missed can be given."""
    if not situation.has_seam:
        with pytest.raises(Insufficient):
            settle_stream(situation)
        return
    settled = settle_stream(situation)
    missed = situation.missed
    is_whole = (
        situation.wanted.epoch in ("", EPOCH)
        and situation.wanted.offset <= situation.top
        and situation.obtainable.issuperset(missed)
        and (situation.limit == 0 or len(missed) <= situation.limit)
    )
    assert settled.is_recovered == is_whole
    assert offsets_of(settled.publications) == (missed if is_whole else [])
    assert settled.served == StreamPosition(situation.newest, EPOCH)


@given(situations())
def test_a_cache_gives_the_newest_publication_unless_the_client_has_it(situation: Situation) -> None:
    if not situation.has_seam:
        with pytest.raises(Insufficient):
            settle_cache(situation)
        return
    settled = settle_cache(situation)
    is_there = situation.newest in situation.obtainable
    is_at_client = situation.newest > 0 and situation.wanted == RecoverFrom(situation.newest, EPOCH)
    assert settled.is_recovered == (is_there or is_at_client)
    assert offsets_of(settled.publications) == ([situation.newest] if is_there and not is_at_client else [])
    assert settled.served == StreamPosition(situation.newest, EPOCH)


@given(situations(), st.booleans())
def test_who_does_not_recover_begins_behind_everything_that_has_arrived(situation: Situation, is_cache: bool) -> None:
    history = History([], StreamPosition(situation.top, EPOCH))
    if not situation.has_seam:
        with pytest.raises(Insufficient):
            settle(situation.gate(), history, None, is_cache=is_cache, limit=situation.limit)
        return
    settled = settle(situation.gate(), history, None, is_cache=is_cache, limit=situation.limit)
    assert settled == Settled(False, [], StreamPosition(situation.newest, EPOCH))


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from([EPOCH, OTHER])), max_size=12))
def test_a_gate_holds_what_is_contiguous_or_is_broken(arrivals: list[tuple[int, str]]) -> None:
    """GATE-1"""
    gate = Gate()
    for offset, epoch in arrivals:
        gate.hold(Publication(offset=offset), epoch)
    first, _ = arrivals[0] if arrivals else (0, "")
    is_contiguous = all(
        offset == first + number and epoch == arrivals[0][1] for number, (offset, epoch) in enumerate(arrivals)
    )
    assert gate.is_broken == (not is_contiguous)
    held = offsets_of(gate.held)
    assert held == list(range(first, first + len(held)))
    assert is_contiguous == (len(held) == len(arrivals))


def test_a_gate_is_bounded() -> None:
    gate = Gate()
    for offset in range(1, MAX_HELD + 1):
        gate.hold(Publication(offset=offset), EPOCH)
    is_broken_before = gate.is_broken
    gate.hold(Publication(offset=MAX_HELD + 1), EPOCH)
    assert (is_broken_before, gate.is_broken) == (False, True)
    assert len(gate.held) == MAX_HELD
    with pytest.raises(Insufficient):
        settle(gate, History([], StreamPosition(0, EPOCH)), None, is_cache=False, limit=0)


@pytest.mark.parametrize(("epoch", "is_recovered"), [("", True), (EPOCH, True), ("_", False), (OTHER, False)])
def test_trap_06_an_empty_epoch_matches_any_and_an_underscore_none(epoch: str, is_recovered: bool) -> None:
    history = History(publications([1, 2]), StreamPosition(2, EPOCH))
    settled = settle(Gate(), history, RecoverFrom(0, epoch), is_cache=False, limit=300)
    assert settled.is_recovered == is_recovered


def test_a_client_that_has_everything_is_recovered_even_when_the_stream_holds_nothing() -> None:
    settled = settle(Gate(), History([], StreamPosition(7, EPOCH)), RecoverFrom(7, EPOCH), is_cache=False, limit=300)
    assert settled == Settled(True, [], StreamPosition(7, EPOCH))


def test_the_limit_itself_is_still_recovered() -> None:
    history = History(publications([1, 2, 3]), StreamPosition(3, EPOCH))
    assert settle(Gate(), history, RecoverFrom(0, EPOCH), is_cache=False, limit=3).is_recovered
    gate = Gate()
    gate.hold(Publication(offset=4), EPOCH)
    assert not settle(gate, history, RecoverFrom(0, EPOCH), is_cache=False, limit=3).is_recovered
