"""Routing: which channels a message goes to, with what, under which key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import UNSET

from hub.config import ChannelConfig, ChannelOptions
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.message import Message
from hub.relay.rejection import Rejected
from hub.relay.routing import MAX_KEY_CHARS, RouteInvalid, Router

CHANNELS = ChannelConfig(namespaces={"payments": ChannelOptions(), "audit": ChannelOptions()})
PAYMENTS = RouteConfig(channels=("payments:#{data.customer_id}",))


def router(*routes: RouteConfig, **options: Any) -> Router:
    return Router(RoutingConfig(routes=routes, **options), CHANNELS, "shop")


def event(data: Any = None, **attributes: Any) -> Message:
    envelope = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "payment.paid", **attributes}
    body = json.dumps(envelope | {"data": {"customer_id": 42} if data is None else data}).encode()
    return Message(body, {}, "application/cloudevents+json", subject="payments.paid")


def plain(data: Any, message_id: str = "", **headers: str) -> Message:
    return Message(json.dumps(data).encode(), headers, "", message_id)


def channels_of(router: Router, message: Message) -> list[str]:
    return [delivery.channel for delivery in router.route(message)]


def test_an_event_becomes_a_publication_of_its_data() -> None:
    (delivery,) = router(PAYMENTS).route(event())
    assert (delivery.channel, bytes(delivery.data)) == ("payments:#42", b'{"customer_id": 42}')
    assert delivery.tags == {"id": "e1", "type": "payment.paid"}
    assert (delivery.idempotency_key, delivery.idempotency_ttl_s) == ("/shop e1", 3600)


def test_one_event_may_go_to_several_channels() -> None:
    route = RouteConfig(channels=("payments:#{data.customer_id}", "audit:payments", "audit:payments"))
    assert channels_of(router(route), event()) == ["payments:#42", "audit:payments"]


def test_the_first_route_that_matches_decides() -> None:
    first = RouteConfig(channels=("audit:refunds",), when={"type": ("payment.refunded",)})
    chosen = router(first, PAYMENTS)
    assert channels_of(chosen, event(type="payment.refunded")) == ["audit:refunds"]
    assert channels_of(chosen, event()) == ["payments:#42"]


def test_a_route_that_is_not_final_lets_others_add() -> None:
    everything = RouteConfig(channels=("audit:all",), is_final=False, tags={"for": "audit"})
    deliveries = router(everything, PAYMENTS).route(event())
    assert [(delivery.channel, "for" in (delivery.tags or {})) for delivery in deliveries] == [
        ("audit:all", True),
        ("payments:#42", False),
    ]


@pytest.mark.parametrize(
    ("when", "unless", "matches"),
    [
        ({"type": ("payment.paid",)}, {}, True),
        ({"type": ("payment.*",)}, {}, True),
        ({"type": ("*.refunded", "*.paid")}, {}, True),
        ({"type": ("payment",)}, {}, False),
        ({"type": ("p.yment.paid*",)}, {}, False),
        ({"data.amount": ("10.50",)}, {}, True),
        ({"data.urgent": ("true",)}, {}, True),
        ({"data.note": ("*",)}, {}, False),
        ({"data.lines": ("*",)}, {}, False),
        ({"data.lines.0": ("a*",)}, {}, True),
        ({"type": ("*",), "source": ("/other",)}, {}, False),
        ({}, {"source": ("/shop",)}, False),
        ({}, {"source": ("/other",), "data.note": ("*",)}, True),
        ({"routing_key": ("payments.*",)}, {}, True),
    ],
)
def test_filters(when: dict[str, tuple[str, ...]], unless: dict[str, tuple[str, ...]], *, matches: bool) -> None:
    route = RouteConfig(channels=("news",), when=when, unless=unless)
    message = event({"amount": 10.50, "urgent": True, "note": None, "lines": ["abc"]})
    message = Message(message.body.replace(b"10.5", b"10.50"), {}, message.content_type, "", message.subject)
    assert channels_of(router(route, unrouted="drop"), message) == (["news"] if matches else [])


def test_what_no_route_wants_is_rejected_or_dropped_as_configured() -> None:
    route = replace(PAYMENTS, when={"type": ("other",)})
    with pytest.raises(Rejected, match="no_route"):
        router(route).route(event())
    dropping = router(route, unrouted="drop")
    assert dropping.route(event()) == []
    assert dropping.num_dropped == 1


def test_a_body_over_the_limit_is_rejected_before_it_is_read() -> None:
    with pytest.raises(Rejected, match="oversize"):
        router(PAYMENTS, max_message_bytes=10).route(Message(b"x" * 11, {}))


def test_tags_are_templates_and_those_without_a_value_are_left_out() -> None:
    route = replace(PAYMENTS, tags={"currency": "{data.currency}", "kind": "pay-{type}", "none": "{data.none}"})
    (delivery,) = router(route).route(event({"customer_id": 1, "currency": "EUR"}))
    assert delivery.tags == {"id": "e1", "type": "payment.paid", "currency": "EUR", "kind": "pay-payment.paid"}


def test_which_attributes_become_tags_is_configured() -> None:
    (delivery,) = router(PAYMENTS, event_tags=("source", "tenant")).route(event(tenant="acme"))
    assert delivery.tags == {"source": "/shop", "tenant": "acme"}
    (delivery,) = router(PAYMENTS, event_tags=()).route(event())
    assert delivery.tags is UNSET


def test_trace_context_becomes_tags() -> None:
    message = plain({"customer_id": 1}, "m1", traceparent="00-1-2-01", tracestate="a=b")
    (delivery,) = router(PAYMENTS).route(message)
    assert delivery.tags == {"id": "m1", "traceparent": "00-1-2-01", "tracestate": "a=b"}


@pytest.mark.parametrize(
    ("message", "key"),
    [
        (plain({"customer_id": 1}, "m1"), "shop m1"),
        (plain({"customer_id": 1}, "m1", **{"Idempotency-Key": "k1"}), "shop k1"),
        (plain({"customer_id": 1}, **{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}), "s 1"),
    ],
)
def test_the_key_is_what_the_publisher_calls_the_event_or_the_message(message: Message, key: str) -> None:
    (delivery,) = router(PAYMENTS).route(message)
    assert delivery.idempotency_key == key


def test_a_message_without_a_name_has_a_key_of_the_moment() -> None:
    ours = router(PAYMENTS)
    message = plain({"customer_id": 1})
    (first,), (second,) = ours.route(message), ours.route(message)
    assert first.idempotency_key != second.idempotency_key
    assert first.idempotency_ttl_s == 0


def test_duplicates_may_be_let_pass() -> None:
    ours = router(PAYMENTS, idempotency_ttl_s=0)
    (first,), (second,) = ours.route(event()), ours.route(event())
    assert first.idempotency_key != second.idempotency_key


def test_a_long_key_keeps_its_meaning() -> None:
    ours = router(PAYMENTS)
    keys = [ours.route(event(id=text))[0].idempotency_key for text in ("a" * 500, "a" * 500, "a" * 501)]
    assert len(keys[0]) <= MAX_KEY_CHARS
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("config", "key", "says"),
    [
        (RoutingConfig(), "routes", "at least one"),
        (RoutingConfig(routes=(PAYMENTS, RouteConfig())), "routes[1].channels", "at least one"),
        (RoutingConfig(routes=(RouteConfig(channels=("a", "b{")),)), "routes[0].channels[1]", "partner"),
        (RoutingConfig(routes=(RouteConfig(channels=("shop:{id}",)),)), "routes[0].channels[0]", "namespace 'shop'"),
        (RoutingConfig(routes=(RouteConfig(channels=("$shop:1",)),)), "routes[0].channels[0]", "namespace 'shop'"),
        (RoutingConfig(routes=(replace(PAYMENTS, tags={"a": "{"}),)), "routes[0].tags.a", "partner"),
        (RoutingConfig(routes=(replace(PAYMENTS, when={"A": ("x",)}),)), "routes[0].when", "'A' is no path"),
        (RoutingConfig(routes=(replace(PAYMENTS, unless={"type": ()}),)), "routes[0].unless.type", "one pattern"),
        (RoutingConfig(routes=(PAYMENTS,), event_tags=("id", "data.x")), "event_tags[1]", "no attribute"),
        (RoutingConfig(routes=(PAYMENTS,), event_tags=("I D",)), "event_tags[0]", "no path"),
    ],
)
def test_what_makes_no_sense_is_told_at_the_start(config: RoutingConfig, key: str, says: str) -> None:
    with pytest.raises(RouteInvalid) as invalid:
        Router(config, CHANNELS)
    assert invalid.value.key == key
    assert says in invalid.value.why
