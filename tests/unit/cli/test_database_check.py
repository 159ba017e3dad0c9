"""The database among what `syncline doctor` looks at."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import Run

PORT = {"SYNCLINE_HTTP_SERVER__PORT": "0"}


def test_a_database_that_the_server_will_make(run: Run, tmp_path: Path) -> None:
    result = run("doctor", "--dev", "--data-dir", "d", env=PORT)
    assert (result.exit_code, "ok   database d/syncline.db" in result.stdout) == (0, True)
    assert not list(tmp_path.iterdir()), "looking makes nothing"


def test_a_database_that_is_there(run: Run) -> None:
    run("keys", "list", "--dev", "--data-dir", "d")
    assert "ok   database d/syncline.db" in run("doctor", "--dev", "--data-dir", "d", env=PORT).stdout


def test_a_database_of_another_secret(run: Run, tmp_path: Path) -> None:
    run("keys", "list", "--dev", "--data-dir", "d")
    (tmp_path / "d" / "dev-secrets.json").unlink()
    result = run("doctor", "--dev", "--data-dir", "d", env=PORT)
    assert (result.exit_code, "fail database d/syncline.db: accounts.secret_key" in result.stdout) == (1, True)
    result = run("keys", "list", "--dev", "--data-dir", "d")
    assert (result.exit_code, "accounts.secret_key is not the one" in result.output) == (1, True)


def test_a_file_that_is_no_database(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "syncline.db").write_text("this is no database, it is a text of some length" * 100)
    result = run("doctor", "--dev", "--data-dir", "d", env=PORT)
    assert (result.exit_code, "fail database d/syncline.db: " in result.stdout) == (1, True)


def test_a_database_that_does_not_answer(run: Run) -> None:
    env = {
        **PORT,
        "SYNCLINE_DATABASE__URL": "postgresql://user:a-password@127.0.0.1:1/d",
        "SYNCLINE_DATABASE__START_TIMEOUT": "100ms",
    }
    result = run("doctor", "--dev", "--data-dir", "d", env=env)
    assert (result.exit_code, "fail database PostgreSQL: " in result.stdout) == (1, True)
    assert "a-password" not in result.output


def test_no_word_of_it_without_accounts(run: Run) -> None:
    run("genconfig", "-o", "c.toml")
    assert "database" not in run("doctor", "--config", "c.toml", env=PORT).stdout
