from __future__ import annotations

from typing import Any

import pytest

from hub.config import ChannelOptions, HubConfig, TokenConfig


@pytest.mark.parametrize(
    ("size", "ttl_s", "expected"), [(0, 0, False), (10, 0, False), (0, 60, False), (1, 1, True), (10, 0.5, True)]
)
def test_history_needs_a_size_and_a_time(size: int, ttl_s: float, expected: bool) -> None:
    assert ChannelOptions(history_size=size, history_ttl_s=ttl_s).has_history == expected


@pytest.mark.parametrize(
    "key",
    [
        {"hmac_secrets": (("secret", 0),)},
        {"rsa_public_key": "pem"},
        {"ecdsa_public_key": "pem"},
        {"eddsa_public_key": "pem"},
        {"jwks_public_endpoint": "https://idp/keys"},
    ],
)
def test_any_key_makes_tokens_possible(key: dict[str, Any]) -> None:
    assert TokenConfig(**key).is_configured


def test_no_key_makes_them_impossible_whatever_else_is_said() -> None:
    assert not TokenConfig(audience="us", issuer="them", user_id_claim="uid").is_configured


def test_everything_is_closed_and_bounded_by_default() -> None:
    config = HubConfig()
    options = config.channel.without_namespace
    permissions = [name for name in ChannelOptions.__dataclass_fields__ if name.startswith("allow_")]
    assert not any(getattr(options, name) for name in permissions)
    client = config.client
    assert not client.insecure
    assert not client.allow_anonymous_connect_without_token
    assert not client.token.is_configured
    assert min(client.channel_limit, client.queue_max_size_bytes, client.command_rate_limit_per_s) > 0


def test_the_time_between_pings_is_longer_than_the_time_for_a_pong() -> None:
    client = HubConfig().client
    assert client.ping_interval_s > client.pong_timeout_s
    assert client.presence_ttl_s > 2 * client.presence_update_interval_s
