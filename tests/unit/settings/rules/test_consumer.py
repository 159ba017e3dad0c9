from __future__ import annotations

from typing import Any

import pytest

from tests.unit.settings.conftest import Complain, Load

SOUND: dict[str, Any] = {
    "name": "orders",
    "type": "redis_stream",
    "redis_stream": {"streams": ["orders"]},
    "routes": [{"channels": ["payments:#{data.customer_id}"], "when": {"type": "payment.*"}, "tags": {"a": "{type}"}}],
}
NAMESPACES = {"channel": {"namespaces": [{"name": "payments"}]}}


def told(problems: Complain, **tree: Any) -> str:
    return "\n".join(f"{found.key}: {found.message}" for found in problems({**NAMESPACES, **tree}))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": ""}, "consumers[0].name: must be two or more"),
        ({"name": "a-b"}, "consumers[0].name: must be two or more"),
        ({"redis_stream": {}}, "consumers[0].redis_stream.streams: must be set"),
        ({"redis_stream": {"streams": ["a"], "consumer_group": ""}}, "redis_stream.consumer_group: must be set"),
        ({"redis_stream": {"streams": ["a"], "payload_value": ""}}, "redis_stream.payload_value: must be set"),
        ({"redis_stream": {"streams": ["a"], "dead_letter_stream": "a"}}, "dead_letter_stream: must be another stream"),
        ({"redis_stream": {"streams": ["a"], "visibility_timeout": "0s"}}, "visibility_timeout: must be more than 0s"),
        ({"redis_stream": {"streams": ["a"], "address": ["a", "b"]}}, "consumers[0].redis_stream.address: must be one"),
        ({"type": "redis_pubsub"}, "consumers[0].redis_pubsub.patterns: must name what to listen to"),
        (
            {"type": "redis_pubsub", "redis_pubsub": {"patterns": [""]}},
            "consumers[0].redis_pubsub.patterns: must name what to listen to",
        ),
        ({"type": "redis_pubsub", "redis_pubsub": {"db": -1}}, "consumers[0].redis_pubsub.db"),
        ({"type": "rabbitmq"}, "consumers[0].rabbitmq.queue: must be set"),
        ({"routes": []}, "consumers[0].routes: must hold at least one"),
        ({"routes": [{}]}, "consumers[0].routes[0].channels: must name at least one channel"),
        ({"routes": [{"channels": ["a:{id}"]}]}, "consumers[0].routes[0].channels[0]: 'a:{id}' is in namespace 'a'"),
        ({"routes": [{"channels": ["{id"]}]}, "consumers[0].routes[0].channels[0]: a '{' without its partner"),
        ({"routes": [{"channels": ["a"], "when": {"A": "b"}}]}, "consumers[0].routes[0].when: 'A' is no path"),
        (
            {"routes": [{"channels": ["a"], "when": {"type": []}}]},
            "routes[0].when.type: must hold at least one pattern",
        ),
        ({"routes": [{"channels": ["a"], "when": {"type": [[]]}}]}, "consumers[0].routes[0].when"),
        ({"routes": [{"channels": ["a"], "tags": {"b": "{"}}]}, "consumers[0].routes[0].tags.b: a '{' without"),
        ({"event_tags": ["data.x"]}, "consumers[0].event_tags[0]: 'data.x' is no attribute"),
    ],
)
def test_what_is_refused(problems: Complain, change: dict[str, Any], problem: str) -> None:
    assert problem in told(problems, consumers=[{**SOUND, **change}])


def test_names_are_given_once(problems: Complain) -> None:
    assert "consumers[1].name: 'orders' is another consumer's too" in told(problems, consumers=[SOUND, SOUND])


def test_what_is_not_enabled_may_be_unfinished(load: Load) -> None:
    load({"consumers": [{"enabled": False}], "events": {"routes": [{"channels": ["{"]}]}})


@pytest.mark.parametrize(
    ("events", "http_api", "problem"),
    [
        ({"enabled": True}, {}, "events.routes: must hold at least one"),
        (
            {"enabled": True, "routes": [{"channels": ["b:x"]}]},
            {},
            "events.routes[0].channels[0]: 'b:x' is in namespace",
        ),
        (
            {"enabled": True, "routes": [{"channels": ["a"]}]},
            {"disabled": True},
            "events.enabled: needs the server API",
        ),
        ({"handler_prefix": "events"}, {}, "events.handler_prefix: must begin with /"),
    ],
)
def test_events_that_are_refused(
    problems: Complain, events: dict[str, Any], http_api: dict[str, Any], problem: str
) -> None:
    assert problem in told(problems, events=events, http_api=http_api)


def test_sound_ones_are_taken(load: Load) -> None:
    settings = load(
        {**NAMESPACES, "consumers": [SOUND], "events": {"enabled": True, "routes": SOUND["routes"]}}
    ).settings
    assert settings.consumers[0].routes[0].when == {"type": ("payment.*",)}
