from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from settings.rules.accounts import _MUST_PASS
from tests.unit.settings.conftest import API_KEY, Complain, Load

SECRET = "s" * 32


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"accounts": {"secret_key": "s" * 31}},
            "accounts.secret_key: is shorter than 32 bytes; `syncline genconfig` makes one",
        ),
        (
            {"accounts": {"secret_key": SECRET, "previous_secret_key": "short"}},
            "accounts.previous_secret_key: is shorter than 32 bytes; `syncline genconfig` makes one",
        ),
        (
            {"accounts": {"access_token_ttl": "200h"}},
            "accounts.access_token_ttl: must not be more than accounts.refresh_idle_ttl, which is 168h",
        ),
        (
            {"accounts": {"refresh_idle_ttl": "721h"}},
            "accounts.refresh_idle_ttl: must not be more than accounts.refresh_absolute_ttl, which is 720h",
        ),
        (
            {"accounts": {"refresh_grace": "6m"}},
            "accounts.refresh_grace: must not be more than accounts.access_token_ttl, which is 5m",
        ),
        (
            {"accounts": {"password": {"memory_kib": 15, "parallelism": 2}}},
            "accounts.password.memory_kib: must be 8 or more for each lane, which is 16",
        ),
        (
            {"database": {"url": "mysql://host"}, "accounts": {"enabled": True, "secret_key": SECRET}},
            "database.url: must start with postgresql://; empty is SQLite in the data directory",
        ),
        (
            {"database": {"command_timeout": "2s"}},
            "database.command_timeout: must not be more than database.unit_timeout, which is 1.5s",
        ),
        (
            {"http_server": {"trusted_proxies": ["10.0.0.1", "proxy.internal"]}},
            "http_server.trusted_proxies[1]: 'proxy.internal' is neither an address nor a network such as 10.0.0.0/8",
        ),
        (
            {"http_server": {"trusted_proxies": ["0.0.0.0/0"]}},
            "http_server.trusted_proxies[0]: would believe anybody about their address",
        ),
        (
            {"http_server": {"trusted_proxies": ["::/0"]}},
            "http_server.trusted_proxies[0]: would believe anybody about their address",
        ),
        (
            {"rest": {"user_rate_burst": 0}},
            "rest.user_rate_burst: must be 1 or more where rest.user_rate_limit is set",
        ),
        (
            {"state": {"mutation_rate_burst": 0}},
            "state.mutation_rate_burst: must be 1 or more where state.mutation_rate_limit is set",
        ),
        (
            {"accounts": {"enabled": True, "secret_key": SECRET}, "http_api": {"handler_prefix": "/v1/"}},
            "http_api.handler_prefix: '/v1/' belongs to the server itself",
        ),
    ],
)
def test_refused(complaint: Callable[..., str], tree: dict[str, Any], message: str) -> None:
    assert complaint(tree) == message


@pytest.mark.parametrize("origin", ["https://*", "http://*:*", "https://*.*", "*://*"])
def test_a_pattern_that_means_any_page(load: Load, complaint: Callable[..., str], origin: str) -> None:
    tree = {"client": {"allowed_origins": [origin]}}
    told = complaint({**tree, "accounts": {"enabled": True, "secret_key": SECRET}})
    assert told.startswith(f"client.allowed_origins[0]: {origin!r} lets any page act in its visitor's name")
    load(tree)


@pytest.mark.parametrize("origin", ["https://*.example.com", "http://localhost:*", "https://app.example.com"])
def test_a_pattern_that_means_somebody(load: Load, origin: str) -> None:
    tree = {"client": {"allowed_origins": [origin]}, "accounts": {"enabled": True, "secret_key": SECRET}}
    assert load(tree).warnings == ()


@pytest.mark.parametrize("key", [f"{section}.{name}" for section, names in _MUST_PASS.items() for name in names])
def test_durations_that_mean_nothing_at_zero(problems: Complain, key: str) -> None:
    found = problems(flags={key: "0s"})
    assert f"{key}: must be more than 0s" in [f"{problem.key}: {problem.message}" for problem in found]


@pytest.mark.parametrize(
    "tree",
    [
        {"accounts": {"enabled": True, "secret_key": SECRET}},
        {"accounts": {"refresh_grace": "0s"}},
        {"accounts": {"access_token_ttl": "168h"}},
        {"rest": {"user_rate_limit": 0, "user_rate_burst": 0}},
        {"http_server": {"trusted_proxies": ["10.0.0.0/8", "::1", "10.1.2.3/8"]}},
        {"database": {"url": "postgresql://u@h/d"}, "accounts": {"enabled": True, "secret_key": SECRET}},
        {"http_api": {"handler_prefix": "/v1"}},
    ],
)
def test_accepted(load: Load, tree: dict[str, Any]) -> None:
    assert load(tree).warnings == ()


@pytest.mark.parametrize(
    ("tree", "warning"),
    [
        (
            {"accounts": {"password": {"memory_kib": 8}}},
            "accounts.password.memory_kib: is less than 19456: whoever steals the database guesses passwords quickly",
        ),
        ({"database": {"url": "postgresql://u@h/d"}}, "database.url: is not used: accounts.enabled is not set"),
    ],
)
def test_warned_of(warnings: Callable[..., list[str]], tree: dict[str, Any], warning: str) -> None:
    assert warnings(tree) == [warning]


def test_accounts_need_a_secret_to_serve(complaint: Callable[..., str], load: Load) -> None:
    tree: dict[str, Any] = {"accounts": {"enabled": True}, "http_api": {"key": API_KEY}}
    assert complaint(tree, is_for_serving=True) == (
        "accounts.secret_key: must be set where accounts are enabled; `syncline genconfig` makes one"
    )
    load(tree)


def test_accounts_are_a_way_to_connect(load: Load) -> None:
    """Without client.token nobody could connect; with accounts, users of ours can."""
    load({"accounts": {"enabled": True, "secret_key": SECRET}, "http_api": {"key": API_KEY}}, is_for_serving=True)


def test_a_secret_is_measured_in_bytes(load: Load) -> None:
    load({"accounts": {"secret_key": "ß" * 16}})
