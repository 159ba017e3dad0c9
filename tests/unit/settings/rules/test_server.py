from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.settings.conftest import API_KEY, HMAC_SECRET, Complain, Load


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"http_server": {"internal_port": 8000}}, "http_server.internal_port: must not be http_server.port"),
        (
            {"http_server": {"address": "10.0.0.1", "internal_address": "10.0.0.1", "port": 1, "internal_port": 1}},
            "http_server.internal_port: must not be http_server.port",
        ),
        (
            {"http_server": {"internal_address": "127.0.0.1"}},
            "http_server.internal_address: would be ignored: http_server.internal_port is not set",
        ),
        (
            {"websocket": {"handler_prefix": "connection"}},
            "websocket.handler_prefix: must be a path such as \"/connection/websocket\", not 'connection'",
        ),
        (
            {"http_api": {"handler_prefix": "/"}},
            "http_api.handler_prefix: must be a path such as \"/connection/websocket\", not '/'",
        ),
        (
            {"http_api": {"handler_prefix": "/connection/websocket/"}},
            "http_api.handler_prefix: '/connection/websocket/' belongs to websocket.handler_prefix",
        ),
        (
            {"health": {"enabled": True, "handler_prefix": "/healthz"}},
            "health.handler_prefix: '/healthz' belongs to the server itself",
        ),
        ({"websocket": {"write_timeout": "0s"}}, "websocket.write_timeout: must be more than 0s"),
        ({"console": {"enabled": True}}, "console.enabled: needs accounts.enabled: nobody could log in"),
        (
            {
                "console": {"enabled": True},
                "accounts": {"enabled": True, "secret_key": "a" * 40},
                "channel": {"namespaces": [{"name": "ops"}]},
            },
            "channel.namespaces: the console has a namespace 'ops' of its own: call this one otherwise",
        ),
        (
            {
                "console": {"enabled": True, "handler_prefix": "/v1"},
                "accounts": {"enabled": True, "secret_key": "a" * 40},
            },
            "console.handler_prefix: '/v1' belongs to the server itself",
        ),
        (
            {"shutdown": {"timeout": "10s", "drain_delay": "6s"}},
            "shutdown.timeout: must be at least drain_delay and drain_window together, which is 11s",
        ),
    ],
)
def test_refused(complaint: Callable[..., str], tree: dict[str, Any], message: str) -> None:
    assert complaint(tree) == message


@pytest.mark.parametrize(
    "tree",
    [
        {"http_server": {"port": 9000, "internal_port": 9000, "internal_address": "127.0.0.1"}},
        {"http_server": {"port": 0}},
        {"health": {"enabled": False, "handler_prefix": "/api"}},
        {"websocket": {"disabled": True}, "http_api": {"handler_prefix": "/connection/websocket"}},
        {"shutdown": {"timeout": "11s", "drain_delay": "6s"}},
    ],
)
def test_accepted(load: Load, tree: dict[str, Any]) -> None:
    load(tree)


def test_the_blame_goes_to_what_was_set(problems: Complain) -> None:
    """shutdown.timeout is at its default: the operator is led to the option that made it too short."""
    (problem,) = problems({}, env={"SYNCLINE_SHUTDOWN__DRAIN_DELAY": "1m"})
    assert problem.key == "shutdown.timeout"
    assert problem.source == "env SYNCLINE_SHUTDOWN__DRAIN_DELAY"


class TestServerApiKey:
    def test_must_be_set_to_serve(self, problems: Complain) -> None:
        found = problems({"client": {"token": {"hmac_secret_key": HMAC_SECRET}}}, is_for_serving=True)
        assert [problem.key for problem in found] == ["http_api.key"]
        assert "genconfig" in found[0].message
        assert "--dev" in found[0].message
        assert "http_api.disabled" in found[0].message

    @pytest.mark.parametrize("api", [{"key": API_KEY}, {"disabled": True}, {"insecure": True}])
    def test_or_done_without(self, load: Load, api: dict[str, Any]) -> None:
        load({"client": {"token": {"hmac_secret_key": HMAC_SECRET}}, "http_api": api}, is_for_serving=True)

    def test_is_not_needed_by_commands_about_tokens(self, load: Load) -> None:
        load({}, is_for_serving=False)

    def test_should_not_be_short(self, warnings: Callable[..., list[str]]) -> None:
        assert warnings({"http_api": {"key": "k" * 15}}) == ["http_api.key: is shorter than 16 characters"]
        assert warnings({"http_api": {"key": "k" * 16}}) == []

    def test_insecure_is_told(self, warnings: Callable[..., list[str]]) -> None:
        expected = ["http_api.insecure: anyone who reaches the server API may use it"]
        assert warnings({"http_api": {"insecure": True}}) == expected
        assert warnings({"http_api": {"insecure": True, "disabled": True}}) == []
