from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.settings.conftest import Complain, Load

PROVIDER: dict[str, Any] = {
    "name": "idp",
    "issuer": "https://idp.example",
    "jwks_url": "https://idp.example/keys",
    "client_ids": ["us"],
}
BEARER = "t" * 32


def tree(*providers: dict[str, Any]) -> dict[str, Any]:
    return {"accounts": {"enabled": True, "secret_key": "s" * 32}, "identity_providers": list(providers)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "identity_providers[0].name: must be set"),
        ({"issuer": ""}, "identity_providers[0].issuer: must be set"),
        ({"jwks_url": ""}, "identity_providers[0].jwks_url: must be set"),
        ({"client_ids": []}, "identity_providers[0].client_ids: must be set"),
        ({"jwks_url": "ftp://idp"}, "identity_providers[0].jwks_url: must be an https:// or http:// URL"),
        ({"jwks_url": "http://["}, "identity_providers[0].jwks_url: must be an https:// or http:// URL"),
        ({"jwks_refresh_interval": "0s"}, "identity_providers[0].jwks_refresh_interval: must be more than 0s"),
        (
            {"events": {"bearer_tokens": ["short"]}},
            "identity_providers[0].events.bearer_tokens: holds one shorter than 32 characters",
        ),
        (
            {"events": {"issuer": "https://events"}},
            "identity_providers[0].events: would be ignored: events.bearer_tokens is not set",
        ),
        ({"issue": "x"}, "identity_providers[0].issue: unknown key; did you mean identity_providers[0].issuer?"),
        ({"leeway": 30}, "identity_providers[0].leeway: must be a duration"),
    ],
)
def test_refused(problems: Complain, change: dict[str, Any], message: str) -> None:
    found = [f"{problem.key}: {problem.message}" for problem in problems(tree({**PROVIDER, **change}))]
    assert len(found) == 1
    assert found[0].startswith(message)


@pytest.mark.parametrize("algorithms", [["HS256"], ["none"], ["RS256", "HS512"], ["PS256"], []])
def test_signatures_that_prove_nothing(problems: Complain, algorithms: list[str]) -> None:
    [problem] = problems(tree({**PROVIDER, "algorithms": algorithms}))
    assert problem.key == "identity_providers[0].algorithms"


def test_two_that_cannot_be_told_apart(problems: Complain) -> None:
    found = problems(tree(PROVIDER, {**PROVIDER, "client_ids": ["them"]}))
    assert [problem.key for problem in found] == ["identity_providers[1].name", "identity_providers[1].issuer"]


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ({}, {"events": {"issuer": "https://idp.example"}}, "identity_providers[1].events.issuer"),
        ({"events": {"issuer": "https://two"}}, {}, "identity_providers[1].issuer"),
        (
            {"events": {"issuer": "https://events"}},
            {"events": {"issuer": "https://events"}},
            "identity_providers[1].events.issuer",
        ),
    ],
)
def test_two_whose_events_cannot_be_told_apart(
    problems: Complain, first: dict[str, Any], second: dict[str, Any], key: str
) -> None:
    one, two = PROVIDER | first, PROVIDER | {"name": "two", "issuer": "https://two"} | second
    for provider in (one, two):
        if "events" in provider:
            provider["events"] = {"bearer_tokens": [BEARER]} | provider["events"]
    assert [problem.key for problem in problems(tree(one, two))] == [key]


def test_without_accounts(problems: Complain) -> None:
    [problem] = problems({"identity_providers": [PROVIDER]})
    assert str(problem).startswith("identity_providers: would be ignored: accounts.enabled is not set")


def test_accepted(load: Load) -> None:
    other = {**PROVIDER, "name": "two", "issuer": "https://two", "events": {"bearer_tokens": [BEARER]}}
    assert load(tree(PROVIDER, other)).warnings == ()


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (
            {"jwks_url": "http://idp.example/keys"},
            "identity_providers[0].jwks_url: is fetched without TLS: whoever is on the way could hand out keys",
        ),
        (
            {"links_by_email": True},
            "identity_providers[0].links_by_email: whoever this provider gives a verified address to gets the account "
            "that has it here",
        ),
    ],
)
def test_warned_of(warnings: Callable[..., list[str]], change: dict[str, Any], warning: str) -> None:
    assert warnings(tree({**PROVIDER, **change})) == [warning]


def test_a_provider_on_this_machine_needs_no_tls(load: Load) -> None:
    assert load(tree({**PROVIDER, "jwks_url": "http://localhost:9000/keys"})).warnings == ()
