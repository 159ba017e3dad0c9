from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from cli.app import COMMANDS
from hub.config import HubConfig
from tests.unit.cli.conftest import Run

ROOT = Path(__file__).parents[3]


def test_help_names_every_command(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in ("serve", *COMMANDS):
        assert name in result.stdout
        assert run(name, "--help").exit_code == 0


def test_without_a_command_there_is_help(run: Run) -> None:
    assert "Usage" in run().output


def test_wrong_usage_exits_with_2_and_says_so_on_stderr(run: Run) -> None:
    for arguments in (["nonsense"], ["serve", "--nonsense"], ["gentoken"], ["checktoken"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr


def test_version_is_that_of_the_package(run: Run) -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("version").stdout.startswith(f"syncline {packaged} (Python 3.")
    assert HubConfig().version == packaged


def test_version_and_healthcheck_import_neither_settings_nor_aiohttp() -> None:
    script = """
import sys
from typer.testing import CliRunner
from cli.app import build_app
app = build_app(lambda options: 0)
CliRunner().invoke(app, ["version"])
CliRunner().invoke(app, ["healthcheck", "--url", "http://127.0.0.1:1/healthz"])
heavy = {"aiohttp", "pydantic_settings", "jwt", "settings.model", "settings.loading"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
