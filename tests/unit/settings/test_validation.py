from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from settings.problems import SettingsError
from tests.unit.settings.conftest import Complain, Load

DURATION_HELP = 'such as "25s", "1m30s", "300ms" or "720h"'


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"client": {"insecure": "maybe"}}, "client.insecure: must be true or false, not 'maybe'"),
        ({"client": {"insecure": 2}}, "client.insecure: must be true or false, not 2"),
        ({"client": {"insecure": []}}, "client.insecure: must be true or false"),
        ({"client": {"channel_limit": "many"}}, "client.channel_limit: must be a whole number, not 'many'"),
        ({"client": {"channel_limit": 1.5}}, "client.channel_limit: must be a whole number, not 1.5"),
        ({"client": {"channel_limit": -1}}, "client.channel_limit: must be 0 or more, not -1"),
        ({"client": {"channel_limit": True}}, "client.channel_limit: must be a whole number, not True"),
        ({"client": {"queue_max_size": 0}}, "client.queue_max_size: must be 1 or more, not 0"),
        ({"http_server": {"port": 65_536}}, "http_server.port: must be 65535 or less, not 65536"),
        ({"http_server": {"internal_port": "x"}}, "http_server.internal_port: must be a whole number, not 'x'"),
        ({"http_server": {"address": 5}}, "http_server.address: must be a string, not 5"),
        ({"client": {"allowed_origins": 5}}, "client.allowed_origins: must be a list, not 5"),
        ({"client": {"ping_interval": "25"}}, f"client.ping_interval: must be a duration {DURATION_HELP}, not '25'"),
        (
            {"client": {"ping_interval": 25}},
            f"client.ping_interval: must be a duration in quotes with its unit, {DURATION_HELP}, not 25",
        ),
        (
            {"client": {"ping_interval": None}},
            f"client.ping_interval: must be a duration in quotes with its unit, {DURATION_HELP}",
        ),
        ({"log": {"level": "loud"}}, "log.level: must be 'debug', 'info', 'warn' or 'error', not 'loud'"),
        ({"engine": {"type": "nats"}}, "engine.type: must be 'memory' or 'redis', not 'nats'"),
        (
            {"channel": {"namespaces": [{"name": "chat", "history_size": "x"}]}},
            "channel.namespaces[0].history_size: must be a whole number, not 'x'",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_key(complaint: Callable[..., str], tree: dict[str, Any], message: str) -> None:
    assert complaint(tree) == message


def test_a_long_value_is_not_repeated(complaint: Callable[..., str]) -> None:
    assert complaint({"client": {"channel_limit": "x" * 1000}}) == "client.channel_limit: must be a whole number"


def test_numbers_and_booleans_may_be_written_as_strings(load: Load) -> None:
    """Centrifugo reads them so, and internal_port is a string in its files."""
    tree = {"http_server": {"port": "8001", "internal_port": "9000"}, "client": {"insecure": "true"}}
    settings = load(tree).settings
    assert (settings.http_server.port, settings.http_server.internal_port) == (8001, 9000)
    assert settings.client.insecure


@pytest.mark.parametrize("none", ["", 0, "0"])
def test_no_internal_port(load: Load, none: object) -> None:
    assert load({"http_server": {"internal_port": none}}).settings.http_server.internal_port == 0


def test_a_duration_of_zero_needs_no_unit(load: Load) -> None:
    assert load({"client": {"expired_close_delay": 0}}).settings.client.expired_close_delay == 0


def test_elements_of_a_list_are_told_one_by_one(problems: Complain) -> None:
    found = problems({"client": {"allowed_origins": [5, "https://a.example", None]}})
    assert [problem.key for problem in found] == ["client.allowed_origins[0]", "client.allowed_origins[2]"]


def test_everything_is_told_at_once(problems: Complain) -> None:
    """Misspelt keys, wrong types and broken rules, of every source, in one go."""
    found = problems(
        {
            "client": {"pong_timout": "1s", "channel_limit": "x", "ping_interval": "5s", "pong_timeout": "6s"},
            "channel": {"namespaces": [{"name": "chat", "history_size": 1}, {"name": "chat"}]},
        },
        env={"SYNCLINE_LOG__LEVEL": "loud", "SYNCLINE_NO_SUCH": "x"},
        flags={"http_server.port": 70_000},
        is_for_serving=True,
    )
    assert {(problem.key, problem.source.split()[0] if problem.source else "") for problem in found} == {
        ("SYNCLINE_NO_SUCH", "env"),
        ("client.pong_timout", "file"),
        ("client.channel_limit", "file"),
        ("client.pong_timeout", "file"),
        ("channel.namespaces[0].history_ttl", "file"),
        ("channel.namespaces[1].name", "file"),
        ("log.level", "env"),
        ("http_server.port", "flag"),
        ("client.token.hmac_secret_key", ""),
        ("http_api.key", ""),
    }


def test_a_rule_is_not_judged_by_an_option_that_was_unusable(problems: Complain) -> None:
    found = problems(
        {"channel": {"without_namespace": {"history_size": "x", "history_ttl": "5s", "force_recovery": True}}}
    )
    assert [problem.key for problem in found] == ["channel.without_namespace.history_size"]


def test_a_namespace_that_is_none_is_told_once(problems: Complain) -> None:
    found = problems({"channel": {"namespaces": [7, {"name": "ok"}]}})
    assert [problem.key for problem in found] == ["channel.namespaces[0]"]


def test_the_error_prints_one_line_for_each_problem(load: Load) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"client": {"channel_limit": "x"}, "nope": 1}, env={"SYNCLINE_HTTP_SERVER__PORT": "y"})
    assert len(str(caught.value).splitlines()) == len(caught.value.problems) == 3
