from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.cli.conftest import API_KEY, HMAC_SECRET, Run

GOOD = {"client": {"token": {"hmac_secret_key": HMAC_SECRET}}, "http_api": {"key": API_KEY}}


def write(path: Path, tree: dict[str, Any]) -> None:
    path.write_text(json.dumps(tree))


def test_ok_and_what_differs_from_the_defaults(run: Run, tmp_path: Path) -> None:
    tree = {**GOOD, "channel": {"namespaces": [{"name": "chat", "history_size": 5, "history_ttl": "1m"}]}}
    write(tmp_path / "c.json", tree)
    result = run("checkconfig", "--config", "c.json", env={"SYNCLINE_CLIENT__PING_INTERVAL": "30s"})
    assert result.exit_code == 0
    first, *rest = result.stdout.splitlines()
    assert first == "ok"
    assert '  client.ping_interval = "30s"  (env SYNCLINE_CLIENT__PING_INTERVAL)' in rest
    assert "  client.token.hmac_secret_key = (set)  (file c.json)" in rest
    assert "  http_api.key = (set)  (file c.json)" in rest
    assert any(line.startswith("  channel.namespaces = [{") and line.endswith("…  (file c.json)") for line in rest)
    assert len(rest) == 4


def test_prints_no_secret(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "c.json", GOOD)
    output = run("checkconfig", "-c", "c.json").output
    assert HMAC_SECRET not in output
    assert API_KEY not in output


def test_every_problem_on_stderr_and_nothing_else(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "c.json", {"client": {"pong_timout": "1s"}, "log": {"level": "loud"}})
    result = run("checkconfig", "-c", "c.json")
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert "error: client.pong_timout: unknown key; did you mean client.pong_timeout? (file c.json)" in lines
    assert all(line.startswith("error: ") for line in lines)


def test_unknown_keys_can_be_allowed(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "c.json", {**GOOD, "sse": {"enabled": True}})
    assert run("checkconfig", "-c", "c.json").exit_code == 1
    result = run("checkconfig", "-c", "c.json", "--allow-unknown")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: sse: ")
    assert result.stdout.startswith("ok\n")


def test_without_a_file_the_environment_is_checked(run: Run) -> None:
    env = {"SYNCLINE_CLIENT__TOKEN__HMAC_SECRET_KEY": HMAC_SECRET, "SYNCLINE_HTTP_API__KEY": API_KEY}
    assert run("checkconfig", env=env).exit_code == 0
    assert run("checkconfig").exit_code == 1


def test_a_file_that_is_not_there(run: Run) -> None:
    result = run("checkconfig", "-c", "absent.toml")
    assert result.exit_code == 1
    assert result.stderr == "error: file absent.toml: cannot be read: No such file or directory\n"


def test_the_development_profile(run: Run) -> None:
    result = run("checkconfig", "--dev")
    assert result.exit_code == 0
    assert '  log.format = "console"  (dev profile)' in result.stdout.splitlines()
