"""Every rule of `channel`, for channels without a namespace and for namespaces alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.settings.conftest import Complain, Load

Tree = dict[str, Any]

HISTORY = {"history_size": 10, "history_ttl": "60s"}

SCOPES = ["channel.without_namespace", "channel.namespaces[1]"]


def tree_of(scope: str, options: Tree, **channel: Any) -> Tree:
    if scope == "channel.without_namespace":
        return {"channel": {**channel, "without_namespace": options}}
    return {"channel": {**channel, "namespaces": [{"name": "first"}, {"name": "second", **options}]}}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    ("options", "option", "message"),
    [
        ({"history_size": 10}, "history_ttl", "must be set where history_size is"),
        ({"history_ttl": "60s"}, "history_size", "must be set where history_ttl is"),
        ({"history_size": 10, "history_ttl": "1500ms"}, "history_ttl", "must be whole seconds, not 1.5s"),
        ({"history_meta_ttl": "500ms"}, "history_meta_ttl", "must be whole seconds, not 500ms"),
        (
            {"history_size": 10, "history_ttl": "721h"},
            "history_ttl",
            "must not be longer than channel.history_meta_ttl, which is 720h",
        ),
        ({"force_recovery": True}, "force_recovery", "needs history_size and history_ttl"),
        (
            {**HISTORY, "force_recovery": True, "auto_cache_recover": True},
            "auto_cache_recover",
            'needs force_recovery and force_recovery_mode "cache"',
        ),
        (
            {**HISTORY, "force_recovery_mode": "cache", "auto_cache_recover": True},
            "auto_cache_recover",
            'needs force_recovery and force_recovery_mode "cache"',
        ),
        (
            {"channel_regex": "("},
            "channel_regex",
            "is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_refused(complaint: Callable[..., str], scope: str, options: Tree, option: str, message: str) -> None:
    assert complaint(tree_of(scope, options)) == f"{scope}.{option}: {message}"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "options",
    [
        HISTORY,
        {**HISTORY, "force_recovery": True},
        {**HISTORY, "force_recovery": True, "force_recovery_mode": "cache", "auto_cache_recover": True},
        {"history_size": 10, "history_ttl": "720h"},
        {"history_size": 10, "history_ttl": "721h", "history_meta_ttl": "721h"},
        {"channel_regex": r"^[a-z]+$"},
        {"allow_recovery": True},
    ],
)
def test_accepted(load: Load, scope: str, options: Tree) -> None:
    load(tree_of(scope, options))


@pytest.mark.parametrize("scope", SCOPES)
def test_own_meta_ttl_decides_where_there_is_one(complaint: Callable[..., str], scope: str) -> None:
    tree = tree_of(scope, {"history_size": 1, "history_ttl": "2h", "history_meta_ttl": "1h"})
    assert complaint(tree) == f"{scope}.history_ttl: must not be longer than {scope}.history_meta_ttl, which is 1h"


def test_global_meta_ttl_is_checked_too(complaint: Callable[..., str]) -> None:
    assert complaint({"channel": {"history_meta_ttl": "0s"}}) == "channel.history_meta_ttl: must be more than 0s"
    message = complaint({"channel": {"history_meta_ttl": "1500ms"}})
    assert message == "channel.history_meta_ttl: must be whole seconds, not 1.5s"


@pytest.mark.parametrize("name", ["a", "", "a b", "a:b", "#a", "$ab", "ab\n", "äöü", "a/b"])
def test_bad_namespace_names(problems: Complain, name: str) -> None:
    (problem,) = problems({"channel": {"namespaces": [{"name": "ok"}, {"name": name}]}})
    assert problem.key == "channel.namespaces[1].name"
    assert problem.message == f"must be two or more of letters, digits, - _ and ., not {name!r}"


def test_good_namespace_names(load: Load) -> None:
    names = ["ab", "A-1", "x_y.z", "00"]
    namespaces = load({"channel": {"namespaces": [{"name": name} for name in names]}}).settings.channel.namespaces
    assert [namespace.name for namespace in namespaces] == names


def test_a_namespace_without_a_name(problems: Complain) -> None:
    (problem,) = problems({"channel": {"namespaces": [{"presence": True}]}})
    assert problem.key == "channel.namespaces[0].name"


def test_duplicate_namespaces(problems: Complain) -> None:
    names = ["chat", "news", "chat", "chat"]
    found = problems({"channel": {"namespaces": [{"name": name} for name in names]}})
    assert [problem.key for problem in found] == ["channel.namespaces[2].name", "channel.namespaces[3].name"]
    assert found[0].message == "'chat' is the name of a namespace above"


class TestPersonalChannel:
    KEY = "client.subscribe_to_user_personal_channel"

    def tree(self, personal: Tree, **channel: Any) -> Tree:
        return {"client": {"subscribe_to_user_personal_channel": personal}, "channel": channel}

    def test_needs_its_namespace(self, complaint: Callable[..., str]) -> None:
        tree = self.tree({"enabled": True, "personal_channel_namespace": "me"}, namespaces=[{"name": "you"}])
        expected = f"{self.KEY}.personal_channel_namespace: there is no namespace 'me' in channel.namespaces"
        assert complaint(tree) == expected

    def test_of_a_single_connection_needs_presence(self, complaint: Callable[..., str]) -> None:
        personal = {"enabled": True, "single_connection": True}
        message = complaint(self.tree(personal))
        assert message == f"{self.KEY}.single_connection: needs presence in channel.without_namespace"
        tree = self.tree({**personal, "personal_channel_namespace": "me"}, namespaces=[{"name": "me"}])
        assert complaint(tree) == f"{self.KEY}.single_connection: needs presence in namespace 'me'"

    def test_is_accepted_where_it_fits(self, load: Load) -> None:
        personal = {"enabled": True, "single_connection": True, "personal_channel_namespace": "me"}
        load(self.tree(personal, namespaces=[{"name": "me", "presence": True}]))
        load(self.tree({"enabled": True}))

    def test_is_not_checked_when_off(self, load: Load) -> None:
        load(self.tree({"enabled": False, "personal_channel_namespace": "nowhere", "single_connection": True}))
