"""Nothing is accepted that the program would ignore: every option changes what the other packages are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from api.config import EdgeConfig
from hub.config import HubConfig
from settings.inspection import Inspection
from settings.model import Settings
from settings.options import Option, all_options
from settings.sources import Source
from settings.validation import validated
from settings.views import edge_config, hub_config

# engine.type has one value so far; main hands node.name and log to those who use them.
USED_BY_MAIN = {"engine.type", "log.level", "log.format"}

NOT_CONFIGURABLE = {
    "hub.version",
    "hub.idempotent_result_ttl_s",
    "edge.health.max_loop_lag_s",
}

CONTEXT = {
    "client.subscription_token.enabled": True,
    "client.token.hmac_previous_secret_key": "previous",
    "client.subscription_token.hmac_previous_secret_key": "previous",
    "http_server.internal_port": 9000,
    "channel.namespaces": [{"name": "chat"}],
}
"""What some options need to be of any use."""

OTHER_VALUES = {
    "boolean": True,
    "duration": "123s",
    "integer": 77,
    "port": 77,
    "list of strings": ["other"],
    "list of sections": [{"name": "other"}],
}


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
    if " or " in name:
        return next(value for value in name.replace('"', "").split(" or ") if value != option.default)
    return OTHER_VALUES.get(name, "/other")


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value):
        for field in fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    else:
        yield path, value


def told(settings: Settings) -> dict[str, Any]:
    return dict([*leaves(hub_config(settings), "hub"), *leaves(edge_config(settings), "edge")])


def changed_by(option: Option) -> set[str]:
    before = told(settings_with(**CONTEXT))
    after = told(settings_with(**{**CONTEXT, option.key: other_value(option)}))
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def test_defaults_of_settings_are_those_of_the_packages() -> None:
    assert hub_config(settings_with()) == HubConfig()
    assert edge_config(settings_with()) == EdgeConfig()


@pytest.mark.parametrize("key", sorted(all_options().keys() - USED_BY_MAIN - {"client.subscription_token.enabled"}))
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
