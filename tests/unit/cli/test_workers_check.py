"""Several nodes need what several nodes can share."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from cli.workers_check import check_workers
from settings.model import Settings
from settings.problems import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def settings(**sections: Mapping[str, Any]) -> Settings:
    return Settings.model_validate(sections)


IN_REDIS = {"type": "redis"}
POSTGRES = {"url": "postgresql://host/database"}


def test_nodes_meet_in_redis() -> None:
    check_workers(settings(engine=IN_REDIS))
    check_workers(settings(engine=IN_REDIS, accounts={"enabled": True}, database=POSTGRES))


@pytest.mark.parametrize(
    ("sections", "keys"),
    [
        ({}, ["engine.type"]),
        ({"engine": IN_REDIS, "accounts": {"enabled": True}}, ["database.url"]),
        ({"accounts": {"enabled": True}}, ["engine.type", "database.url"]),
    ],
)
def test_what_they_cannot_share_is_told_at_once(sections: dict[str, Any], keys: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        check_workers(settings(**sections))
    assert [problem.key for problem in refused.value.problems] == keys


def test_a_system_without_what_the_parent_needs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "sigtimedwait")
    with pytest.raises(SettingsError, match="--workers: their parent cannot wait"):
        check_workers(settings(engine=IN_REDIS))
