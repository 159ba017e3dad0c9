from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from settings.structure import NOT_OURS, nearest
from tests.unit.settings.conftest import Complain, Load


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"client": {"pong_timout": "1s"}}, "client.pong_timout: unknown key; did you mean client.pong_timeout?"),
        ({"clients": {}}, "clients: unknown key; did you mean client?"),
        (
            {"channel": {"namespaces": [{"name": "ok"}, {"name": "chat", "presense": True}]}},
            "channel.namespaces[1].presense: unknown key; did you mean channel.namespaces[1].presence?",
        ),
        (
            {"client": {"hmac_secret_key": "x"}},
            "client.hmac_secret_key: unknown key; did you mean client.token.hmac_secret_key?",
        ),
        (
            {"token_hmac_secret_key": "x"},
            "token_hmac_secret_key: unknown key; did you mean client.token.hmac_secret_key?",
        ),
        ({"allowed_origins": []}, "allowed_origins: unknown key; did you mean client.allowed_origins?"),
        ({"zzzzzzzz": 1}, "zzzzzzzz: unknown key"),
        ({"sse": {"enabled": True}}, "sse: is an option of Centrifugo that Syncline does not have"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(
    complaint: Callable[..., str], tree: dict[str, Any], message: str
) -> None:
    assert complaint(tree) == message


def test_unknown_keys_can_be_allowed_and_change_nothing(load: Load) -> None:
    tree = {"sse": {"enabled": True}, "client": {"channel_limit": 3, "chanel_limit": 4}}
    loaded = load(tree, allow_unknown=True)
    assert [problem.key for problem in loaded.warnings] == ["sse", "client.chanel_limit"]
    assert loaded.settings.client.channel_limit == 3


def test_allowing_unknown_keys_allows_nothing_else(problems: Complain) -> None:
    (problem,) = problems({"sse": {}, "client": {"channel_limit": "x"}}, allow_unknown=True)
    assert problem.key == "client.channel_limit"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"client": "x"}, "client: must hold options, not a string"),
        ({"client": ["x"]}, "client: must hold options, not a list"),
        ({"client": True}, "client: must hold options, not true or false"),
        ({"client": None}, "client: must hold options, not null"),
        ({"client": {"token": 5}}, "client.token: must hold options, not a number"),
        ({"channel": {"namespaces": [{"name": "ok"}, "x"]}}, "channel.namespaces[1]: must hold options, not a string"),
        ({"channel": {"namespaces": {"chat": {}}}}, "channel.namespaces: must be a list"),
    ],
)
def test_a_section_must_be_a_section(complaint: Callable[..., str], tree: dict[str, Any], message: str) -> None:
    assert complaint(tree) == message


def test_flags_go_through_the_same_check(problems: Complain) -> None:
    (problem,) = problems(flags={"http_server.prot": 1})
    assert str(problem) == "http_server.prot: unknown key; did you mean http_server.port? (flag)"


def test_centrifugos_other_sections_are_not_taken_for_typos_of_ours() -> None:
    assert not [name for name in NOT_OURS if nearest(name) == name]
