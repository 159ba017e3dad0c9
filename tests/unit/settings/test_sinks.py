"""`sinks`: every option is told to the part that it is for."""

from __future__ import annotations

from typing import Any

import pytest

from hub.relay.sinks.config import SinkConfig
from settings.options import Option, options_of
from settings.outbox_views import outbox_config
from settings.sink_model import SinkSettings
from tests.unit.settings.test_views import other_value, settings_with

TYPES = ("rabbitmq", "redis_stream")


def sink_with(option: Option | None = None, value: object = None, **values: Any) -> SinkConfig | None:
    sink: dict[str, Any] = {"name": "one", "type": "redis_stream", "redis_stream": {}, **values}
    if option is not None:
        section = sink
        for step in option.path[:-1]:
            section = section.setdefault(step, {})
        section[option.path[-1]] = value
    sinks = outbox_config(settings_with(sinks=[sink])).sinks
    return sinks[0] if sinks else None


def context_of(option: Option) -> dict[str, Any]:
    """A sink of the type that the option is for, with what it needs."""
    kind = option.path[0] if option.path[0] in TYPES else "redis_stream"
    section: dict[str, Any] = {"sentinel_address": ["s:1"]} if kind.startswith("redis") else {}
    if len(option.path) == 3 and option.path[-1] != "enabled":
        section[option.path[1]] = {"enabled": True}
    return {"type": kind, kind: section}


@pytest.mark.parametrize("option", list(options_of(SinkSettings)), ids=lambda option: option.key)
def test_every_option_of_a_sink_is_told(option: Option) -> None:
    value = "rabbitmq" if option.key == "type" else other_value(option)
    assert sink_with(**context_of(option)) != sink_with(option, value, **context_of(option))


def test_the_outbox_goes_by_rabbitmq_only_where_it_is_told_to() -> None:
    exchange = {"outbox.rabbitmq.exchange": "events"}
    assert outbox_config(settings_with(**exchange)).carrier is None
    carrier = outbox_config(settings_with(**exchange, **{"outbox.carrier": "rabbitmq"})).carrier
    assert carrier is not None
    assert carrier.exchange == "events"
