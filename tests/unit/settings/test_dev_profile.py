from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from settings.channel_model import NamespaceSettings
from settings.dev_secrets import new_dev_secrets
from settings.model import Settings
from tests.unit.settings.conftest import Load

DEV = new_dev_secrets(Path("dev-secrets.json"))
DEMO = {
    "name": "demo",
    "allow_user_limited_channels": True,
    "force_recovery": True,
    "force_positioning": True,
    "history_size": 100,
    "history_ttl": "5m",
    "allow_history_for_subscriber": True,
}


def dev_settings(load: Load, tree: dict[str, Any] | None = None, **options: Any) -> Settings:
    return load(tree, dev=DEV, is_for_serving=True, **options).settings


def shown(namespace: NamespaceSettings) -> dict[str, Any]:
    return namespace.model_dump(mode="json", exclude_defaults=True)


def test_a_fresh_checkout_can_be_served(load: Load) -> None:
    settings = dev_settings(load)
    assert settings.client.token.hmac_secret_key.get_secret_value() == DEV.hmac_secret_key
    assert settings.http_api.key.get_secret_value() == DEV.http_api_key
    assert settings.client.subscribe_to_user_personal_channel.enabled
    assert not settings.client.insecure
    assert [shown(namespace) for namespace in settings.channel.namespaces] == [DEMO]


def test_it_warns_of_nothing(load: Load) -> None:
    assert load(dev=DEV, is_for_serving=True).warnings == ()


@pytest.mark.parametrize(
    ("options", "port"),
    [
        ({}, "8000"),
        ({"tree": {"http_server": {"port": 8001}}}, "8001"),
        ({"env": {"SYNCLINE_HTTP_SERVER__PORT": "8002"}}, "8002"),
        ({"tree": {"http_server": {"port": 8001}}, "flags": {"http_server.port": 8003}}, "8003"),
        ({"flags": {"http_server.port": 0}}, "*"),
    ],
)
def test_its_own_origins_follow_the_port(load: Load, options: dict[str, Any], port: str) -> None:
    expected = tuple(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]"))
    assert dev_settings(load, **options).client.allowed_origins == expected


def test_what_is_configured_wins(load: Load) -> None:
    tree = {
        "client": {
            "token": {"hmac_secret_key": "s" * 40},
            "allowed_origins": [],
            "subscribe_to_user_personal_channel": {"enabled": False},
        },
        "http_api": {"key": "k" * 20},
        "log": {"level": "error"},
    }
    settings = dev_settings(load, tree)
    assert settings.client.token.hmac_secret_key.get_secret_value() == "s" * 40
    assert settings.http_api.key.get_secret_value() == "k" * 20
    assert settings.client.allowed_origins == ()
    assert not settings.client.subscribe_to_user_personal_channel.enabled
    assert settings.log.level == "error"


def test_the_console_comes_with_the_accounts(load: Load) -> None:
    settings = dev_settings(load)
    assert settings.console.enabled
    assert settings.prometheus.enabled
    assert (settings.opentelemetry.enabled, settings.opentelemetry.sample_ratio) == (True, 1)
    assert not dev_settings(load, {"accounts": {"enabled": False}}).console.enabled
    assert not dev_settings(load, env={"SYNCLINE_ACCOUNTS__ENABLED": "false"}).console.enabled
    assert not dev_settings(load, {"console": {"enabled": False}}).console.enabled


def test_the_demo_namespace_joins_those_configured(load: Load) -> None:
    settings = dev_settings(load, {"channel": {"namespaces": [{"name": "chat"}]}})
    assert [shown(namespace) for namespace in settings.channel.namespaces] == [{"name": "chat"}, DEMO]


def test_a_demo_namespace_of_ones_own_stays_as_it_is(load: Load) -> None:
    settings = dev_settings(load, {"channel": {"namespaces": [{"name": "demo"}, {"name": "chat"}]}})
    assert [shown(namespace) for namespace in settings.channel.namespaces] == [{"name": "demo"}, {"name": "chat"}]


def test_two_loads_do_not_share_the_demo_namespace(load: Load) -> None:
    for _ in range(2):
        assert [shown(namespace) for namespace in dev_settings(load).channel.namespaces] == [DEMO]
