"""What the fault tests call wrong, planted: a check that finds nothing would prove nothing."""

from __future__ import annotations

from msgspec import Raw

from hub.protocol.messages import Publication, StreamPosition
from tests.support.recording_listener import Delivery
from tests.support.redis_traffic import dishonesties, losses


def heard(*places: tuple[int, str, int]) -> list[Delivery]:
    """(number, epoch, offset) of each that was handed over."""
    return [
        Delivery("news", Publication(data=Raw(str(number).encode()), offset=offset), StreamPosition(offset, epoch))
        for number, epoch, offset in places
    ]


def acknowledged(*places: tuple[int, str, int]) -> dict[int, StreamPosition]:
    return {number: StreamPosition(offset, epoch) for number, epoch, offset in places}


IN_ORDER = ((1, "a", 1), (2, "a", 2), (3, "b", 3))


def test_what_arrives_in_order_is_right() -> None:
    assert dishonesties(heard(*IN_ORDER), acknowledged(*IN_ORDER)) == []
    assert losses(heard(*IN_ORDER), acknowledged(*IN_ORDER)) == []


def test_a_loss_is_honest_when_its_epoch_is_over_and_a_loss_all_the_same() -> None:
    without_the_second = heard((1, "a", 1), (3, "b", 3))
    assert dishonesties(without_the_second, acknowledged(*IN_ORDER)) == []
    assert losses(without_the_second, acknowledged(*IN_ORDER)) == ["2 never came"]


def test_a_loss_in_the_present_epoch_is_found() -> None:
    places = ((1, "a", 1), (2, "a", 2), (3, "a", 3))
    assert dishonesties(heard(*places[:2]), acknowledged(*places)) == [
        "3 is missing at StreamPosition(offset=3, epoch='a')"
    ]


def test_something_else_in_its_place_is_found() -> None:
    places = ((1, "a", 1), (2, "a", 2))
    assert len(dishonesties(heard((1, "a", 1), (9, "a", 2)), acknowledged(*places))) == 1


def test_a_swap_a_repetition_and_a_gap_are_found() -> None:
    for wrong in (
        heard((2, "a", 2), (1, "a", 1)),
        heard((1, "a", 1), (1, "a", 1), (2, "a", 2)),
        heard((1, "a", 1), (2, "a", 3)),
    ):
        assert any("do not rise by one" in complaint for complaint in dishonesties(wrong, acknowledged((1, "a", 1))))


def test_an_epoch_that_comes_back_is_found() -> None:
    back = heard((1, "a", 1), (2, "b", 2), (3, "a", 2))
    assert any("came back" in complaint for complaint in dishonesties(back, acknowledged((3, "a", 2))))


def test_nobody_noticing_a_new_epoch_is_found() -> None:
    assert dishonesties(heard((1, "a", 1)), acknowledged((1, "a", 1), (2, "b", 2))) != []
    assert dishonesties([], acknowledged((1, "a", 1))) != []
