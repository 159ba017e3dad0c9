"""Nothing is accepted that the program would ignore: every option changes what the other packages are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from api.config import EdgeConfig
from hub.config import HubConfig
from hub.engines.redis.config import RedisConfig
from hub.relay.config import RoutingConfig
from hub.relay.consumer_config import RelayConfig
from hub.relay.sinks.config import OutboxConfig
from observability.config import ObservabilityConfig
from services.accounts.config import AccountsConfig
from services.identity.config import IdentityProviderConfig
from sessions.config import SessionsConfig
from settings.accounts_model import IdentityProviderSettings
from settings.consumer_views import relay_config
from settings.inspection import Inspection
from settings.model import Settings
from settings.observability_views import observability_config
from settings.options import Option, all_options, options_of
from settings.outbox_views import outbox_config
from settings.redis_views import redis_config
from settings.session_views import accounts_config, identity_provider_configs, sessions_config, storage_config
from settings.sources import Source
from settings.validation import validated
from settings.views import edge_config, hub_config
from storage.config import StorageConfig

# main opens one engine or the other, builds the platform or not, and hands log to those who use it.
USED_BY_MAIN = {"engine.type", "log.level", "log.format", "accounts.enabled"}

NOT_CONFIGURABLE = {
    "hub.version",
    "hub.idempotent_result_ttl_s",
    "hub.lapse_after_s",  # the engine's own
    "edge.listen.is_shared",  # a flag: --workers
    "edge.health.max_loop_lag_s",
    "storage.sqlite_path",  # in the data directory, which is a flag
}

PROVIDER = {"name": "idp", "issuer": "https://idp", "jwks_url": "https://idp/keys", "client_ids": ["us"]}

CONTEXT: dict[str, Any] = {
    "client.subscription_token.enabled": True,
    "client.token.hmac_previous_secret_key": "previous",
    "client.subscription_token.hmac_previous_secret_key": "previous",
    "http_server.internal_port": 9000,
    "channel.namespaces": [{"name": "chat"}],
    "accounts.secret_key": "s" * 32,
    "identity_providers": [PROVIDER],
    "engine.redis.sentinel_address": ["sentinel:26379"],
    "engine.redis.sentinel_tls.enabled": True,
    "engine.redis.tls.enabled": True,
    "events.enabled": True,
    "outbox.carrier": "rabbitmq",
    "outbox.rabbitmq.tls.enabled": True,
}
"""What some options need to be of any use."""

SWITCHES = {key for key in CONTEXT if key.endswith(".enabled")} | {"outbox.carrier"}
"""What the context has turned on; a test of its own looks at each."""

DATA_DIR = Path("data")

OTHER_VALUES = {
    "duration": "123s",
    "integer": 77,
    "port": 77,
    "number": 0.5,
    "list of strings": ["other"],
    "list of secrets": ["other"],
    "list of sections": [{"name": "other"}],
    "secret": "another secret of more than 32 bytes",
}


OTHER_VALUES_OF = {"events.routes": [{"channels": ["other"]}]}


def settings_with(**values: object) -> Settings:
    source = Source("test")
    for key, value in values.items():
        source.put(tuple(key.split(".")), value)
    inspection = Inspection(allow_unknown=False)
    settings = validated([source], inspection)
    assert inspection.problems == []
    return settings


def other_value(option: Option) -> object:
    name = option.shape.name
    if option.key in OTHER_VALUES_OF:
        return OTHER_VALUES_OF[option.key]
    if name == "boolean":
        return not option.default
    if " or " in name:
        return next(value for value in name.replace('"', "").split(" or ") if value != option.default)
    return OTHER_VALUES.get(name, "/other")


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """By path; a list counts as one value, as it does in the settings."""
    if is_dataclass(value):
        for field in fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    else:
        yield path, value


def told(settings: Settings) -> dict[str, Any]:
    views = {
        "hub": hub_config(settings),
        "edge": edge_config(settings),
        "storage": storage_config(settings, DATA_DIR),
        "sessions": sessions_config(settings),
        "accounts": accounts_config(settings),
        "identity_providers": identity_provider_configs(settings),
        "redis": redis_config(settings.engine.redis),
        "relay": relay_config(settings),
        "outbox": outbox_config(settings),
        "observability": observability_config(settings),
    }
    return dict(leaf for name, view in views.items() for leaf in leaves(view, name))


def changed_by(option: Option) -> set[str]:
    before = told(settings_with(**CONTEXT))
    after = told(settings_with(**{**CONTEXT, option.key: other_value(option)}))
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def test_defaults_of_settings_are_those_of_the_packages() -> None:
    assert hub_config(settings_with()) == HubConfig()
    assert edge_config(settings_with()) == EdgeConfig()
    assert storage_config(settings_with(), DATA_DIR) == StorageConfig(sqlite_path=DATA_DIR / "syncline.db")
    assert sessions_config(settings_with()) == SessionsConfig(secret=b"")
    assert accounts_config(settings_with()) == AccountsConfig(secret=b"")
    assert redis_config(settings_with().engine.redis) == RedisConfig()
    assert relay_config(settings_with()) == RelayConfig()
    assert outbox_config(settings_with()) == OutboxConfig()
    assert observability_config(settings_with()) == ObservabilityConfig()
    assert relay_config(settings_with(**{"events.enabled": True})) == RelayConfig(events=RoutingConfig())
    assert identity_provider_configs(settings_with(identity_providers=[PROVIDER])) == (
        IdentityProviderConfig(name="idp", issuer="https://idp", jwks_url="https://idp/keys", client_ids=("us",)),
    )


@pytest.mark.parametrize("key", sorted(all_options().keys() - USED_BY_MAIN - SWITCHES))
def test_every_option_is_told(key: str) -> None:
    assert changed_by(all_options()[key])


def test_subscription_tokens_have_a_verifier_of_their_own_only_when_enabled() -> None:
    assert hub_config(settings_with()).client.subscription_token is None
    enabled = settings_with(**{"client.subscription_token.enabled": True, "client.subscription_token.issuer": "me"})
    subscription_token = hub_config(enabled).client.subscription_token
    assert subscription_token is not None
    assert subscription_token.issuer == "me"


def test_everything_the_packages_can_be_told_has_an_option() -> None:
    changed = set().union(*(changed_by(option) for option in all_options().values() if option.key not in USED_BY_MAIN))
    assert told(settings_with(**CONTEXT)).keys() - changed == NOT_CONFIGURABLE


@pytest.mark.parametrize("name", ["tls", "sentinel_tls"])
def test_tls_is_told_where_it_is_enabled(name: str) -> None:
    values: dict[str, object] = {"engine.redis.sentinel_address": ["s"], f"engine.redis.{name}.server_name": "redis"}
    told_of = {
        enabled: told(settings_with(**values, **{f"engine.redis.{name}.enabled": enabled})) for enabled in (False, True)
    }
    key = "redis.tls" if name == "tls" else "redis.sentinel.tls"
    assert told_of[False][key] is None
    assert told_of[True][f"{key}.server_name"] == "redis"


def test_both_hmac_secrets_the_current_one_first() -> None:
    token = hub_config(
        settings_with(
            **{
                "client.token.hmac_secret_key": "new",
                "client.token.hmac_previous_secret_key": "old",
                "client.token.hmac_previous_secret_key_valid_until": 1_800_000_000,
            }
        )
    ).client.token
    assert token.hmac_secrets == (("new", 0), ("old", 1_800_000_000))


def test_namespaces_by_name_with_units() -> None:
    namespace = {"name": "chat", "history_size": 5, "history_ttl": "2m", "history_meta_ttl": "1h", "presence": True}
    channel = hub_config(settings_with(**{"channel.namespaces": [namespace]})).channel
    chat = channel.namespaces["chat"]
    assert (chat.history_size, chat.history_ttl_s, chat.history_meta_ttl_s, chat.presence) == (5, 120, 3600, True)


def test_the_data_format_of_the_channel_section_is_where_a_namespace_says_none() -> None:
    channel = hub_config(
        settings_with(
            **{
                "channel.publication_data_format": "json_object",
                "channel.namespaces": [{"name": "aa"}, {"name": "bb", "publication_data_format": "json"}],
            }
        )
    ).channel
    assert channel.without_namespace.publication_data_format == "json_object"
    assert channel.namespaces["aa"].publication_data_format == "json_object"
    assert channel.namespaces["bb"].publication_data_format == "json"


def test_the_internal_port_shares_the_address_unless_it_has_its_own() -> None:
    shared = settings_with(**{"http_server.address": "10.0.0.1", "http_server.internal_port": 9000})
    assert edge_config(shared).listen.internal_address == "10.0.0.1"
    own = settings_with(**{"http_server.internal_port": 9000, "http_server.internal_address": "127.0.0.1"})
    assert edge_config(own).listen.internal_address == "127.0.0.1"


def test_paths_lose_their_last_slash() -> None:
    assert edge_config(settings_with(**{"http_api.handler_prefix": "/v1/api/"})).server_api.handler_prefix == "/v1/api"


@pytest.mark.parametrize("option", list(options_of(IdentityProviderSettings)), ids=lambda option: option.key)
def test_every_option_of_an_identity_provider_is_told(option: Option) -> None:
    changed: dict[str, Any] = {**PROVIDER}
    section = changed
    for step in option.path[:-1]:
        section = section.setdefault(step, {})
    section[option.path[-1]] = other_value(option)
    before, after = settings_with(identity_providers=[PROVIDER]), settings_with(identity_providers=[changed])
    assert identity_provider_configs(before) != identity_provider_configs(after)


def test_everything_an_identity_provider_can_be_told_has_an_option() -> None:
    [told_of] = identity_provider_configs(settings_with(identity_providers=[PROVIDER]))
    assert len(list(leaves(told_of, ""))) == len(list(options_of(IdentityProviderSettings)))


def test_each_package_gets_a_key_of_its_own() -> None:
    """What one of them gives away must not open what the other has sealed."""
    settings = settings_with(**{"accounts.secret_key": "s" * 32, "accounts.previous_secret_key": "p" * 32})
    accounts, sessions = accounts_config(settings), sessions_config(settings)
    keys = {accounts.secret, sessions.secret, *accounts.previous_secrets, b"s" * 32, b"p" * 32}
    assert len(keys) == 5
    before = settings_with(**{"accounts.secret_key": "p" * 32})
    assert accounts.previous_secrets == (accounts_config(before).secret,)
