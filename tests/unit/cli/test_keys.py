"""`syncline keys` on a development server's own database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

LINE = re.compile(r"(syncline-\S+)  EdDSA  (.+)")


def listed(run: Run) -> dict[str, str]:
    """What each key is good for."""
    result = run("keys", "list", "--dev", "--data-dir", "d")
    assert result.exit_code == 0, result.output
    matches = [LINE.fullmatch(line) for line in result.stdout.splitlines()]
    return {match[1]: match[2] for match in matches if match is not None}


def test_the_first_look_makes_the_first_key(run: Run) -> None:
    assert list(listed(run).values()) == ["signs"]
    assert len(listed(run)) == 1, "and the second finds it"


def test_a_new_key_waits_until_it_is_known(run: Run) -> None:
    [old] = listed(run)
    result = run("keys", "rotate", "--dev", "--data-dir", "d")
    assert result.exit_code == 0
    new = result.stdout.split()[0]
    assert result.stdout == f"{new} signs in 600 s\n"
    keys = listed(run)
    assert keys[old] == "signs"
    assert re.fullmatch(r"signs in 5\d\d s", keys[new])


def test_keys_in_wrong_hands_end_at_once(run: Run) -> None:
    [old] = listed(run)
    result = run("keys", "rotate", "--at-once", "--dev", "--data-dir", "d")
    assert result.stdout.endswith(" signs now\n")
    keys = listed(run)
    assert keys.pop(old) == "has ended"
    assert list(keys.values()) == ["signs"]


def test_a_key_in_wrong_hands_that_still_waits_ends_too(run: Run) -> None:
    """Not "signs in 599 s": it never will."""
    for options in ([], ["--at-once"]):
        assert run("keys", "rotate", *options, "--dev", "--data-dir", "d").exit_code == 0
    assert sorted(listed(run).values()) == ["has ended", "has ended", "signs"]


def test_private_keys_are_never_shown(run: Run) -> None:
    listed(run)
    output = run("keys", "list", "--dev", "--data-dir", "d").output
    assert "PRIVATE" not in output
    assert '"d"' not in output


@pytest.mark.parametrize("command", [["keys", "list"], ["keys", "rotate"]])
def test_without_accounts_there_are_none(run: Run, tmp_path: Path, command: list[str]) -> None:
    run("genconfig", "-o", "c.toml")
    result = run(*command, "--config", "c.toml", "--data-dir", "d")
    assert result.exit_code == 1
    assert result.stderr == "error: accounts.enabled is not set: there are neither accounts nor keys\n"
    assert not (tmp_path / "d").exists()


def test_a_database_that_cannot_be_had(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "syncline.db").write_text("this is no database, it is a text of some length" * 100)
    result = run("keys", "list", "--dev", "--data-dir", "d")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output


def test_a_problem_of_the_configuration(run: Run) -> None:
    result = run("keys", "list", "--dev", "--data-dir", "d", env={"SYNCLINE_ACCOUNTS__SECRET_KEY": "short"})
    assert result.exit_code == 1
    assert "accounts.secret_key: is shorter than 32 bytes" in result.stderr
