from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from settings.loading import load_settings
from tests.unit.cli.conftest import Run


def secrets_in(path: Path) -> tuple[str, ...]:
    """Loads as a server would: a generated configuration can be served as it is."""
    loaded = load_settings(config_file=path, environ={}, overrides={})
    assert loaded.warnings == ()
    settings = loaded.settings
    found = (settings.client.token.hmac_secret_key, settings.http_api.key, settings.accounts.secret_key)
    return tuple(secret.get_secret_value() for secret in found)


@pytest.mark.parametrize("name", ["config.json", "config.toml", "CONFIG.TOML"])
def test_writes_a_configuration_that_can_be_served(run: Run, tmp_path: Path, name: str) -> None:
    result = run("genconfig", "--output", name)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"Wrote {name}\n", "")
    secrets = secrets_in(tmp_path / name)
    assert min(map(len, secrets)) >= 43  # 32 random bytes
    assert len(set(secrets)) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_writes_config_json_unless_told_otherwise(run: Run, tmp_path: Path) -> None:
    run("genconfig")
    assert json.loads((tmp_path / "config.json").read_text())["client"]["allowed_origins"] == []


def test_never_prints_a_secret(run: Run, tmp_path: Path) -> None:
    output = run("genconfig").output
    assert not [secret for secret in secrets_in(tmp_path / "config.json") if secret in output]


def test_secrets_are_fresh_every_time(run: Run, tmp_path: Path) -> None:
    run("genconfig", "-o", "a.json")
    run("genconfig", "-o", "b.json")
    assert not set(secrets_in(tmp_path / "a.json")) & set(secrets_in(tmp_path / "b.json"))


def test_only_the_owner_can_read_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "old.json").chmod(0o644)
    for arguments in (["-o", "new.json"], ["-o", "old.json", "--force"]):
        assert run("genconfig", *arguments).exit_code == 0
        assert stat.S_IMODE((tmp_path / arguments[1]).stat().st_mode) == 0o600


def test_replaces_a_file_only_by_force(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("mine")
    result = run("genconfig")
    assert result.exit_code == 1
    assert result.stderr == "error: config.json exists; --force replaces it and its secrets\n"
    assert (tmp_path / "config.json").read_text() == "mine"
    assert run("genconfig", "--force").exit_code == 0
    secrets_in(tmp_path / "config.json")


def test_other_formats_are_wrong_usage(run: Run, tmp_path: Path) -> None:
    result = run("genconfig", "--output", "config.yaml")
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_not_there(run: Run) -> None:
    result = run("genconfig", "--output", "nowhere/config.json")
    assert result.exit_code == 1
    assert result.stderr == "error: nowhere/config.json: No such file or directory\n"


@pytest.mark.parametrize(
    ("name", "off", "on"),
    [
        ("config.json", '"enabled": false', '"enabled": true'),
        ("config.toml", "enabled = false", "enabled = true"),
    ],
)
def test_accounts_are_one_word_away(run: Run, tmp_path: Path, name: str, off: str, on: str) -> None:
    run("genconfig", "-o", name)
    path = tmp_path / name
    assert not load_settings(config_file=path, environ={}, overrides={}).settings.accounts.enabled
    path.write_text(path.read_text().replace(off, on))
    assert load_settings(config_file=path, environ={}, overrides={}).settings.accounts.enabled
