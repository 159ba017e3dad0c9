"""What routing reads of a delivery, and what remains of headers."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.relay.message import Message
from hub.relay.rabbitmq.headers import (
    ATTEMPTS,
    REASON,
    ROUTING_KEY,
    as_text,
    attempts_of,
    message_of,
    subject_of,
    without_death,
)
from tests.unit.hub.relay.rabbitmq.deliveries import delivery


def test_a_delivery_is_a_message() -> None:
    delivered = delivery(body=b"1", headers={"tenant": "t"}, content_type="application/json", message_id="m")
    assert message_of(delivered) == Message(b"1", {"tenant": "t"}, "application/json", "m", "order.made")


def test_a_bare_delivery_is_a_message_too() -> None:
    assert message_of(delivery(body=b"1", exchange="", routing_key="q")) == Message(b"1", {}, "", "", "q")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.5, "1.5"),
        (b"\xc3\xbc", "ü"),
        (b"\xff", None),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
        (Decimal(1), None),
        (datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), None),
    ],
)
def test_headers_that_have_a_text_are_told(value: Any, text: str | None) -> None:
    assert as_text({"h": value}) == ({} if text is None else {"h": text})


def test_the_subject_of_a_replayed_message_is_its_first_one() -> None:
    headers = {ROUTING_KEY: "order.made"}
    assert subject_of(delivery(exchange="", routing_key="q", headers=headers)) == "order.made"


def test_only_who_may_publish_to_the_queue_itself_can_say_what_the_subject_was() -> None:
    assert subject_of(delivery(headers={ROUTING_KEY: "another"})) == "order.made"
    assert subject_of(delivery(exchange="", routing_key="q", headers={ROUTING_KEY: 7})) == "q"


def test_attempts_are_those_that_the_queue_counted_and_this_one() -> None:
    assert attempts_of(delivery()) == 1
    assert attempts_of(delivery(headers={"x-delivery-count": 4})) == 5
    assert attempts_of(delivery(headers={"x-delivery-count": "many"})) == 1


def test_what_dead_lettering_added_is_taken_off_again() -> None:
    headers = {"tenant": "t", REASON: "malformed", ATTEMPTS: 1, "x-death": [], "x-first-death-queue": "q"}
    assert without_death({**headers, "x-delivery-count": 1, "x-last-death-reason": "r"}) == {"tenant": "t"}
