from __future__ import annotations

from pathlib import Path

import pytest

from settings.dev_secrets import new_dev_secrets
from tests.unit.settings.conftest import Load

PORT_VARIABLE = "SYNCLINE_HTTP_SERVER__PORT"


def test_defaults_hold_where_nothing_is_set(load: Load) -> None:
    loaded = load()
    assert loaded.settings.http_server.port == 8000
    assert loaded.settings.client.ping_interval == 25
    assert loaded.origins == {}


@pytest.mark.parametrize(
    ("flag", "variable", "in_file", "expected", "origin"),
    [
        (None, None, 1001, 1001, "file"),
        (None, "1002", 1001, 1002, f"env {PORT_VARIABLE}"),
        (1003, "1002", 1001, 1003, "flag"),
        (1003, None, 1001, 1003, "flag"),
        (1003, "1002", None, 1003, "flag"),
    ],
)
def test_flag_beats_environment_beats_file(
    load: Load, flag: int | None, variable: str | None, in_file: int | None, expected: int, origin: str
) -> None:
    loaded = load(
        {"http_server": {"port": in_file}} if in_file else None,
        env={PORT_VARIABLE: variable} if variable else {},
        flags={"http_server.port": flag} if flag else {},
    )
    assert loaded.settings.http_server.port == expected
    assert loaded.origins["http_server.port"].startswith(origin)


def test_file_beats_development_profile(load: Load) -> None:
    loaded = load({"log": {"level": "error"}}, dev=new_dev_secrets(Path("dev-secrets.json")))
    assert loaded.settings.log.level == "error"
    assert loaded.settings.log.format == "console"


def test_sources_are_merged_option_by_option(load: Load) -> None:
    client = load(
        {"client": {"token": {"audience": "us", "issuer": "me"}, "channel_limit": 7}},
        env={"SYNCLINE_CLIENT__TOKEN__ISSUER": "you"},
        flags={"client.insecure": True},
    ).settings.client
    assert (client.token.audience, client.token.issuer, client.channel_limit, client.insecure) == ("us", "you", 7, True)


def test_lists_are_replaced_not_merged(load: Load) -> None:
    tree = {"client": {"allowed_origins": ["https://a.example"]}}
    loaded = load(tree, env={"SYNCLINE_CLIENT__ALLOWED_ORIGINS": "https://b.example"})
    assert loaded.settings.client.allowed_origins == ("https://b.example",)


def test_only_the_value_in_effect_is_judged(load: Load) -> None:
    loaded = load({"http_server": {"port": 99_999}}, flags={"http_server.port": 8001})
    assert loaded.settings.http_server.port == 8001
