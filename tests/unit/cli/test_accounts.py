"""`syncline accounts create-admin`: the password comes in by standard input and goes nowhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

PASSWORD = "correct horse battery staple"
ARGUMENTS = ("accounts", "create-admin", "--dev", "--data-dir", "d", "--email")


def test_makes_an_administrator(run: Run, tmp_path: Path) -> None:
    result = run(*ARGUMENTS, "Root@Example.com", "--name", "Root", input=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("  Root@Example.com  ADMIN\n")
    assert PASSWORD not in result.output
    with sqlite3.connect(tmp_path / "d" / "syncline.db") as connection:
        rows = connection.execute("SELECT email, name, role, password_hash FROM users").fetchall()
        [(actor,)] = connection.execute("SELECT actor_id FROM audit_log").fetchall()
    connection.close()
    [(email, name, role, password_hash)] = rows
    assert (email, name, role) == ("root@example.com", "Root", "ADMIN")
    assert "$argon2id$" in password_hash
    assert PASSWORD not in password_hash
    assert "command" in actor


def test_an_address_that_is_taken(run: Run) -> None:
    run(*ARGUMENTS, "root@example.com", input=f"{PASSWORD}\n")
    result = run(*ARGUMENTS, "ROOT@example.com", input=f"{PASSWORD}\n")
    assert result.exit_code == 1
    assert "email" in result.stderr


@pytest.mark.parametrize(
    ("email", "password", "field"), [("root@example.com", "short", "password"), ("root", PASSWORD, "email")]
)
def test_what_cannot_be(run: Run, email: str, password: str, field: str) -> None:
    result = run(*ARGUMENTS, email, input=f"{password}\n")
    assert result.exit_code == 1
    assert result.stderr.startswith("Development") or result.stderr.startswith(f"error: {field}: ")
    assert password not in result.output or password == "short"


def test_there_is_no_flag_for_the_password(run: Run) -> None:
    """Command lines are visible to everybody on the machine."""
    assert "--password" not in run("accounts", "create-admin", "--help").stdout
    assert run(*ARGUMENTS, "root@example.com", "--password", PASSWORD).exit_code == 2


def test_without_accounts(run: Run) -> None:
    run("genconfig", "-o", "c.toml")
    result = run("accounts", "create-admin", "--config", "c.toml", "--email", "root@example.com", input="x\n")
    assert result.exit_code == 1
    assert "accounts.enabled is not set" in result.stderr
