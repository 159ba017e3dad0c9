"""A secret's value appears in no message, repr or dump, however wrong the configuration is (threat T35)."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from settings.dev_secrets import new_dev_secrets
from settings.options import all_options
from settings.problems import SettingsError
from settings.views import edge_config
from tests.unit.settings.conftest import Load

SECRET = "x7-never-to-be-seen-x7-never-to-be-seen"
SECRET_KEYS = sorted(key for key, option in all_options().items() if option.is_secret)


def tree_with(key: str, value: object) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    section = tree
    *above, name = key.split(".")
    for step in above:
        section = section.setdefault(step, {})
    section[name] = value
    return tree


def test_the_secrets_are_known() -> None:
    assert SECRET_KEYS == [
        "accounts.previous_secret_key",
        "accounts.secret_key",
        "client.subscription_token.hmac_previous_secret_key",
        "client.subscription_token.hmac_secret_key",
        "client.token.hmac_previous_secret_key",
        "client.token.hmac_secret_key",
        "database.url",
        "engine.redis.password",
        "engine.redis.sentinel_password",
        "engine.redis.sentinel_tls.key_pem",
        "engine.redis.tls.key_pem",
        "http_api.key",
        "outbox.rabbitmq.tls.key_pem",
        "sentry.dsn",
    ]


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize("source", ["file", "env", "flag"])
def test_not_in_settings(load: Load, key: str, source: str) -> None:
    value = f"postgresql://user:{SECRET}@host/database" if key == "database.url" else SECRET
    sources: dict[str, Any] = {
        "file": {"tree": tree_with(key, value)},
        "env": {"env": {all_options()[key].env_name: value}},
        "flag": {"flags": {key: value}},
    }
    tree = sources[source].get("tree", {})
    if "hmac_previous" in key:
        current = key.replace("previous_", "").split(".")[1]
        tree.setdefault("client", {}).setdefault(current, {})["hmac_secret_key"] = "y" * 40
    loaded = load(**{**sources[source], "tree": tree})
    assert SECRET in str(all_secrets(loaded.settings))
    shown = repr(loaded), str(loaded.settings), loaded.settings.model_dump_json(), str(loaded.settings.model_dump())
    assert all(SECRET not in text for text in shown)


def providers_with_a_bearer_token(token: str = SECRET) -> list[dict[str, Any]]:
    return [
        {
            "name": "idp",
            "issuer": "https://idp",
            "jwks_url": "https://idp/keys",
            "client_ids": ["us"],
            "events": {"bearer_tokens": [token]},
        }
    ]


@pytest.mark.parametrize("source", ["file", "env"])
def test_secrets_in_a_list_of_sections_are_masked_too(
    load: Load, source: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "true")
    providers = providers_with_a_bearer_token()
    tree: dict[str, Any] = {"accounts": {"enabled": True, "secret_key": "s" * 32}}
    env = {}
    if source == "file":
        tree["identity_providers"] = providers
    else:
        env["SYNCLINE_IDENTITY_PROVIDERS"] = json.dumps(providers)
    with caplog.at_level(logging.DEBUG):
        loaded = load(tree, env=env)
    [token] = loaded.settings.identity_providers[0].events.bearer_tokens
    assert token.get_secret_value() == SECRET
    assert caplog.records
    assert SECRET not in repr(loaded) + loaded.settings.model_dump_json() + caplog.text


def test_a_secret_in_a_list_is_not_in_problems(load: Load) -> None:
    providers = providers_with_a_bearer_token(SECRET[:20])  # too short
    with pytest.raises(SettingsError) as caught:
        load({"accounts": {"enabled": True, "secret_key": "s" * 32}, "identity_providers": providers})
    assert [problem.key for problem in caught.value.problems] == ["identity_providers[0].events.bearer_tokens"]
    assert SECRET[:20] not in str(caught.value)


def all_secrets(settings: Any) -> list[str]:
    values = []
    for key in SECRET_KEYS:
        node = settings
        for step in key.split("."):
            node = getattr(node, step)
        values.append(node.get_secret_value())
    return values


@pytest.mark.parametrize(
    "tree",
    [
        {"client": {"token": {"hmac_secret_key": [SECRET]}}},
        {"client": {"token": {"hmac_secret_key": {"value": SECRET}}}},
        {"client": {"token": {"hmac_secret": SECRET}}},
        {"client": {"token": SECRET}},
        {"client": {"hmac_secret_key": SECRET}},
        {"http_api": SECRET},
        {"http_api": [SECRET]},
        {"channel": {"namespaces": [SECRET]}},
        {"identity_providers": [SECRET]},
        {"identity_providers": [{"events": {"bearer_tokens": {"a": SECRET}}}]},
        {"identity_providers": [{"events": {"bearer_tokens": [[SECRET]]}}]},
        {"identity_providers": [{"events": {"tokens": SECRET}}]},
        {"database": {"url": SECRET}},
        {"database": {"url": f"mysql://{SECRET}"}},
        {"accounts": {"secret_key": SECRET[:31], "enabled": True}},
        {"client": {"token": {"rsa_public_key": SECRET}}},
        {"client": {"token": {"rsa_public_key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}"}}},
        {"client": {"token": {"hmac_secret_key": f"-----BEGIN PUBLIC KEY-----\n{SECRET}\n-----END PUBLIC KEY-----"}}},
    ],
)
def test_not_in_problems_even_in_a_wrong_place(load: Load, tree: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tree, is_for_serving=True)
    assert SECRET[:31] not in str(caught.value)
    assert SECRET[:31] not in "".join(traceback.format_exception(caught.value))


def test_not_in_a_broken_file(load: Load, tmp_path: Path) -> None:
    for name, text in (
        ("a.json", json.dumps(tree_with("http_api.key", SECRET))[:-1]),
        ("a.toml", f'[http_api]\nkey = "{SECRET}'),
        ("b.toml", f"[http_api]\nkey = {SECRET}"),
    ):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(SettingsError) as caught:
            load(config_file=file)
        assert SECRET not in str(caught.value)


def test_not_in_environment_problems(load: Load) -> None:
    env = {
        "SYNCLINE_HTTP_API__KEE": SECRET,
        "SYNCLINE_CLIENT__TOKEN__HMAC_SECRET_KEY": SECRET,
        "SYNCLINE_CLIENT__TOKEN__HMAC_SECRET_KEY_FILE": "x",
        "SYNCLINE_CHANNEL__NAMESPACES": SECRET,
    }
    with pytest.raises(SettingsError) as caught:
        load(env=env, is_for_serving=True)
    assert len(caught.value.problems) == 4
    assert SECRET not in str(caught.value)


def test_not_in_pydantic_settings_debug_log(
    load: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With PYDANTIC_SETTINGS_DEBUG it logs what every source holds."""
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "true")
    with caplog.at_level(logging.DEBUG):
        load(
            {"http_api": {"key": SECRET}},
            env={"SYNCLINE_CLIENT__TOKEN__HMAC_SECRET_KEY": SECRET},
            flags={"client.token.hmac_previous_secret_key": SECRET},
        )
    assert caplog.records
    assert SECRET not in caplog.text


def test_not_in_the_edge_configuration(load: Load) -> None:
    assert SECRET not in repr(edge_config(load({"http_api": {"key": SECRET}}).settings))


def test_development_secrets_are_masked_too(load: Load) -> None:
    dev = new_dev_secrets(Path("dev-secrets.json"))
    shown = repr(dev) + repr(load(dev=dev))
    assert dev.hmac_secret_key not in shown
    assert dev.http_api_key not in shown
    assert dev.accounts_secret_key not in shown
