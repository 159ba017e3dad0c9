"""Acknowledgements: whatever is done with in whatever order, the broker is told of each delivery once, and no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.relay.rabbitmq.tally import Acknowledgement, Tally


class BrokerModel:
    """What a broker makes of acknowledgements: it closes the channel for a tag that is not open."""

    def __init__(self, num_delivered: int) -> None:
        self.open = set(range(1, num_delivered + 1))

    def take(self, acknowledgement: Acknowledgement) -> None:
        tag, is_multiple = acknowledgement
        assert tag in self.open, "unknown delivery tag"
        self.open -= {open_tag for open_tag in self.open if open_tag <= tag} if is_multiple else {tag}


@given(st.data())
def test_the_broker_keeps_exactly_what_is_not_done_with(data: st.DataObject) -> None:
    num_delivered = data.draw(st.integers(1, 40))
    order = data.draw(st.permutations(range(1, num_delivered + 1)))
    broker, tally, settled = BrokerModel(num_delivered), Tally(), set[int]()
    while order:
        group, order = order[: (size := data.draw(st.integers(1, len(order))))], order[size:]
        settled |= set(group)
        for acknowledgement in tally.settle(sorted(group)):
            broker.take(acknowledgement)
        assert broker.open == set(range(1, num_delivered + 1)) - settled
        assert tally.num_settled == len(settled)
    assert tally.floor == num_delivered


def test_a_group_in_order_is_one_acknowledgement() -> None:
    tally = Tally()
    assert tally.settle(range(1, 101)) == [Acknowledgement(100, is_multiple=True)]
    assert tally.settle(range(101, 201)) == [Acknowledgement(200, is_multiple=True)]


def test_what_is_behind_an_open_one_is_acknowledged_alone() -> None:
    tally = Tally()
    assert tally.settle([1, 3, 4]) == [
        Acknowledgement(1, is_multiple=True),
        Acknowledgement(3, is_multiple=False),
        Acknowledgement(4, is_multiple=False),
    ]
    assert tally.settle([2]) == [Acknowledgement(2, is_multiple=True)]
    assert tally.floor == 4


def test_nothing_is_nothing() -> None:
    assert Tally().settle([]) == []
