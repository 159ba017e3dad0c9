"""`consumers` and `events`: every option is told, and patterns are read as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.relay.config import RouteConfig
from hub.relay.consumer_config import ConsumerConfig
from settings.consumer_model import ConsumerSettings, RouteSettings
from settings.consumer_views import relay_config
from settings.options import Option, options_of
from tests.unit.settings.test_views import leaves, other_value, settings_with

TYPES = ("rabbitmq", "redis_stream", "redis_pubsub")

NEEDS: dict[str, dict[str, Any]] = {
    "tls": {"enabled": True},
    "sentinel_tls": {"enabled": True},
}
"""What some sections need to be of any use."""

OTHER_VALUES: dict[str, Any] = {"routes": [{"channels": ["other"]}], "type": "redis_pubsub"}

OTHER_TABLES = {"when": {"type": "other"}, "unless": {"type": "other"}, "tags": {"other": "{id}"}}


def consumer_with(option: Option | None, value: object = None, **values: Any) -> ConsumerConfig | None:
    consumer: dict[str, Any] = {"name": "one", "type": "redis_stream", "redis_stream": {}, **values}
    if option is not None:
        section = consumer
        for step in option.path[:-1]:
            section = section.setdefault(step, {})
        section[option.path[-1]] = value
    found = relay_config(settings_with(consumers=[consumer])).consumers
    return found[0] if found else None


def context_of(option: Option) -> dict[str, Any]:
    """A consumer of the type that the option is for, with what it needs."""
    kind = option.path[0] if option.path[0] in TYPES else "redis_stream"
    section: dict[str, Any] = {"sentinel_address": ["s:1"]} if kind.startswith("redis") else {}
    if len(option.path) == 3 and option.path[-1] != "enabled":
        section[option.path[1]] = dict(NEEDS[option.path[1]])
    return {"type": kind, kind: section}


@pytest.mark.parametrize("option", list(options_of(ConsumerSettings)), ids=lambda option: option.key)
def test_every_option_of_a_consumer_is_told(option: Option) -> None:
    value = OTHER_VALUES.get(option.key) or other_value(option)
    assert consumer_with(None, **context_of(option)) != consumer_with(option, value, **context_of(option))


@pytest.mark.parametrize("option", list(options_of(RouteSettings)), ids=lambda option: option.key)
def test_every_option_of_a_route_is_told(option: Option) -> None:
    value = OTHER_TABLES.get(option.key) or (["other"] if option.key == "channels" else other_value(option))
    before = consumer_with(None, routes=[{}])
    assert before != consumer_with(None, routes=[{option.key: value}])


def test_everything_a_route_can_be_told_has_an_option() -> None:
    assert len(list(leaves(RouteConfig(), ""))) == len(list(options_of(RouteSettings)))


def test_patterns_are_one_or_several_texts_numbers_or_truths() -> None:
    when = {"type": "a.*", "data.status": ["paid", "refunded"], "data.amount": 3, "data.urgent": True}
    consumer = consumer_with(None, routes=[{"channels": ["news"], "when": when}])
    assert consumer is not None
    assert consumer.routing.routes[0].when == {
        "type": ("a.*",),
        "data.status": ("paid", "refunded"),
        "data.amount": ("3",),
        "data.urgent": ("true",),
    }


def test_one_that_is_not_enabled_is_not_told() -> None:
    assert consumer_with(None, enabled=False) is None


def test_events_are_told_when_they_are_enabled() -> None:
    routes = [{"channels": ["news"]}]
    assert relay_config(settings_with(**{"events.routes": routes})).events is None
    events = relay_config(settings_with(**{"events.routes": routes, "events.enabled": True})).events
    assert events is not None
    assert events.routes == (RouteConfig(channels=("news",)),)
