"""`syncline outbox` as an operator types it, on both databases."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.app import build_app
from hub.relay import outbox_table as table
from hub.relay.entries import OutboxEntry
from storage.opening import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from storage.config import StorageConfig

    Command = Callable[..., tuple[int, str]]

NOW_MS = 1_700_000_000_000


@pytest.fixture
def command(storage_config: StorageConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in [name for name in os.environ if name.startswith("SYNCLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SYNCLINE_DATABASE__URL", storage_config.url)
    app, runner = build_app(lambda _: 0), CliRunner()

    def run(*arguments: str) -> tuple[int, str]:
        result = runner.invoke(app, ["outbox", *arguments, "--data-dir", str(tmp_path)], catch_exceptions=False)
        return result.exit_code, result.stdout

    return run


@pytest.fixture
def refused(storage_config: StorageConfig) -> None:
    """Two events in the park, and one that is on its way."""

    async def leave() -> None:
        async with open_storage(storage_config) as storage:
            entries = [OutboxEntry(f"e{number}", f"gone:{number}", b'{"n":%d}' % number) for number in range(3)]
            await storage.relay.run(lambda tx: table.add_after(tx, entries, 0))
            await storage.relay.run(lambda tx: table.settle(tx, "", [], ["e0"], NOW_MS))
            await storage.relay.run(lambda tx: table.settle(tx, "", [], ["e1"], NOW_MS + 1_000))

    asyncio.run(leave())


@pytest.mark.usefixtures("refused")
def test_what_was_refused_is_listed_and_counted(command: Command) -> None:
    assert command("list") == (
        0,
        'e0  2023-11-14T22:13:20+00:00  hub  gone:0  {"n":0}\ne1  2023-11-14T22:13:21+00:00  hub  gone:1  {"n":1}\n',
    )
    assert command("list", "--limit", "1")[1].startswith("e0 ")
    assert command("status") == (0, "hub  3\n")


@pytest.mark.usefixtures("refused")
def test_it_is_tried_again_or_dropped(command: Command) -> None:
    assert command("retry", "--id", "e0", "--id", "e2", "--id", "unknown") == (0, "1 to be tried again\n")
    assert command("list")[1].startswith("e1 ")
    assert command("drop", "--all") == (0, "1 dropped\n")
    assert command("status") == (0, "hub  2\n"), "what was not refused stays"
    assert command("retry", "--all") == (0, "0 to be tried again\n")


@pytest.mark.parametrize("arguments", [(), ("--all", "--id", "e0")])
def test_all_or_some_have_to_be_named(command: Command, arguments: tuple[str, ...]) -> None:
    assert command("drop", *arguments)[0] == 1


def test_a_database_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYNCLINE_DATABASE__URL", "")
    result = CliRunner().invoke(build_app(lambda _: 0), ["outbox", "status", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "there is no database" in result.stderr
    assert list(tmp_path.iterdir()) == []
