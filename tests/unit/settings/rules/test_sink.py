"""Rules of `outbox` and `sinks`."""

from __future__ import annotations

from typing import Any

import pytest

from settings.rules.sink import RULES
from tests.unit.settings.test_views import settings_with

ACCOUNTS: dict[str, Any] = {"accounts.enabled": True, "accounts.secret_key": "s" * 32}
SOUND: dict[str, Any] = {"name": "audit", "events": ["session.*"], "rabbitmq": {"exchange": "events"}}


def findings(**values: Any) -> list[tuple[str, str]]:
    settings = settings_with(**{**ACCOUNTS, **values})
    return [(finding.key, finding.message) for rule in RULES for finding in rule(settings)]


def test_what_is_sound_is_let_pass() -> None:
    stream = {"name": "log", "type": "redis_stream", "events": ["*"], "redis_stream": {"stream": "events"}}
    assert findings(sinks=[SOUND, stream]) == []
    assert findings(**{"outbox.carrier": "rabbitmq", "outbox.rabbitmq.exchange": "events"}) == []


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"name": "a b"}, "sinks[0].name", "must be two or more"),
        ({"events": []}, "sinks[0].events", "must name some kinds"),
        ({"source": ""}, "sinks[0].source", "must be set"),
        ({"rabbitmq": {}}, "sinks[0].rabbitmq.exchange", "must be set"),
        ({"rabbitmq": {"exchange": "e", "routing_key": "{user}"}}, "sinks[0].rabbitmq.routing_key", "names user"),
        ({"rabbitmq": {"exchange": "e", "routing_key": "{type"}}, "sinks[0].rabbitmq.routing_key", "'{type'"),
        ({"rabbitmq": {"exchange": "e", "url": ["http://x"]}}, "sinks[0].rabbitmq.url", "must begin with amqp"),
        ({"type": "redis_stream"}, "sinks[0].redis_stream.stream", "must be set"),
    ],
)
def test_what_is_wrong_with_a_sink_is_told(changes: dict[str, Any], key: str, message: str) -> None:
    [(found_at, found)] = findings(sinks=[SOUND | changes])
    assert found_at == key
    assert message in found


def test_a_sink_that_is_off_may_be_anything() -> None:
    assert findings(sinks=[{"enabled": False}]) == []


def test_names_are_one_sinks_own() -> None:
    assert findings(sinks=[SOUND, SOUND]) == [("sinks[1].name", "'audit' is another sink's too")]


def test_without_accounts_there_is_no_outbox() -> None:
    found = findings(**{"accounts.enabled": False, "outbox.carrier": "rabbitmq"}, sinks=[SOUND])
    assert [key for key, _ in found] == ["sinks[0]", "outbox.carrier", "outbox.rabbitmq.exchange"]
