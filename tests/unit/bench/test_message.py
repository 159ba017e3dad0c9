from __future__ import annotations

import json

from bench.load.message import MARK, STAMP_DIGITS, message, numbers_in


def test_a_message_is_json_of_the_asked_size() -> None:
    built = message(41, 128)
    assert len(built) == 128
    assert json.loads(built)["n"] == 41


def test_the_mark_occurs_once_and_the_stamp_follows_it() -> None:
    built = message(7, 128)
    assert built.count(MARK) == 1
    start = built.find(MARK) + len(MARK)
    assert int(built[start : start + STAMP_DIGITS]) > 0


def test_the_mark_survives_being_decoded_and_encoded_by_a_peer() -> None:
    again = json.dumps(["m", json.loads(message(7, 128))], separators=(",", ":")).encode()
    assert again.count(MARK) == 1


def test_numbers_are_found_in_order_of_arrival() -> None:
    assert numbers_in(message(3, 128) + b"\n" + message(1, 128)) == [3, 1]
