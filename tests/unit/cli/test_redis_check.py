"""The engine's Redis among what `syncline doctor` looks at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.ports import free_port
from tests.unit.cli.conftest import Run

if TYPE_CHECKING:
    from tests.support.redis import RedisServer

REDIS = {"SYNCLINE_HTTP_SERVER__PORT": "0", "SYNCLINE_ENGINE__TYPE": "redis"}


def test_a_redis_that_is_there(run: Run, redis_server: RedisServer) -> None:
    result = run("doctor", "--dev", env={**REDIS, "SYNCLINE_ENGINE__REDIS__ADDRESS": redis_server.address})
    assert (result.exit_code, f"ok   Redis at {redis_server.address}" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({"ADDRESS": "redis://me:a-password@{}"}, "Redis"),
        ({"CLUSTER_ADDRESS": "{}"}, "Redis Cluster"),
        ({"SENTINEL_ADDRESS": "{}", "SENTINEL_MASTER_NAME": "main"}, "Redis behind Sentinel"),
    ],
)
def test_a_redis_that_is_not_there(run: Run, variables: dict[str, str], kind: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    named = {f"SYNCLINE_ENGINE__REDIS__{name}": value.format(address) for name, value in variables.items()}
    result = run("doctor", "--dev", env={**REDIS, **named})
    assert (result.exit_code, f"fail {kind} at {address}: " in result.stdout) == (1, True)
    assert "a-password" not in result.output


def test_a_driver_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("hub.engines.redis.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hiredis", None)
    result = run("doctor", "--dev", env=REDIS)
    assert (result.exit_code, "install the extra, syncline[redis]" in result.stdout) == (1, True)


def test_no_word_of_it_where_the_engine_is_in_the_process(run: Run) -> None:
    assert "Redis" not in run("doctor", "--dev", env={"SYNCLINE_HTTP_SERVER__PORT": "0"}).stdout
