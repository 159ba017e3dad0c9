"""`syncline migrate`, `backup` and `restore` as an operator types them, on both databases."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from typer.testing import CliRunner

from cli.app import build_app
from storage.data_directory import LOCK_NAME
from storage.migration_tree import read_tree
from tests.support.databases import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.postgres import PostgresServer

    Command = Callable[..., "Outcome"]

TREE = [migration.label for migration in read_tree()]


class Outcome(NamedTuple):
    code: int
    said: str
    complained: str


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of an empty database; "" for SQLite."""
    if request.param == "sqlite":
        yield ""
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    yield server.create_database("commands")
    server.drop_database("commands")


@pytest.fixture
def command(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run it in a directory of its own, with its data directory there."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SYNCLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SYNCLINE_DATABASE__URL", url)
    app, runner = build_app(lambda _: 0), CliRunner()

    def run(*arguments: str) -> Outcome:
        result = runner.invoke(app, [*arguments, "--data-dir", "data"], catch_exceptions=False)
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


def lines(word: str, labels: list[str]) -> str:
    return "".join(f"{word}  {label}\n" for label in labels)


def test_migrates_up_and_down_and_says_where_it_stands(command: Command) -> None:
    assert command("migrate", "status") == (1, lines("pending", TREE), "")
    assert command("migrate", "up") == (0, lines("applied", TREE), "")
    assert command("migrate", "up") == (0, "nothing to do\n", "")
    assert command("migrate", "status") == (0, lines("applied", TREE), "")
    assert command("migrate", "down", "base", "--yes") == (0, lines("undone", TREE[::-1]), "")
    assert (command("migrate", "down", "0001", "--yes")).complained == "error: 0001 is not applied\n"


def test_backs_up_and_restores(command: Command, tmp_path: Path) -> None:
    nothing = command("backup", "file")
    assert (nothing.code, nothing.said) == (1, "")
    assert nothing.complained in {
        f"error: there is no database at {Path('data', 'syncline.db')}\n",
        "error: the database has no schema yet\n",
    }
    command("migrate", "up")
    made = command("backup", "file")
    assert (made.code, made.complained) == (0, "")
    assert made.said.startswith("Wrote file: ")
    assert (command("backup", "file")).complained == "error: file exists; --force replaces it\n"
    handover = tmp_path / "data" / "engine-handover.json"
    handover.parent.mkdir(exist_ok=True)
    handover.write_text("{}")
    back = command("restore", "file", "--yes")
    assert (back.code, back.complained) == (0, "")
    assert back.said.startswith("Restored file: ")
    assert not handover.exists()


def test_says_which_file_is_missing_before_it_asks(command: Command) -> None:
    assert command("restore", "nothing") == (1, "", "error: there is no file nothing\n")
    command("migrate", "up")
    assert command("backup", "nowhere/file") == (1, "", "error: nowhere is no directory: make it first\n")


def test_asks_before_anything_is_lost(command: Command) -> None:
    command("migrate", "up")
    command("backup", "file")
    for arguments in (["restore", "file"], ["migrate", "down", "base"]):
        assert (command(*arguments)).code == 1  # nobody answers
    assert (command("migrate", "status")).code == 0


def test_restores_nothing_into_a_data_directory_that_a_server_holds(command: Command, tmp_path: Path) -> None:
    command("migrate", "up")
    command("backup", "file")
    (tmp_path / "data").mkdir(exist_ok=True)
    with (tmp_path / "data" / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = command("restore", "file", "--yes")
    assert outcome == (1, "", "error: data is in use by another process: stop the server first\n")
