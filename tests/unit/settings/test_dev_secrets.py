from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from settings.dev_secrets import FILE_NAME, load_dev_secrets
from settings.problems import SettingsError


def test_made_once_and_kept(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    first = load_dev_secrets(data_dir)
    assert first.path == data_dir / FILE_NAME
    assert load_dev_secrets(data_dir) == first
    assert min(len(first.hmac_secret_key), len(first.http_api_key)) >= 43  # 32 random bytes
    assert first.hmac_secret_key != first.http_api_key


def test_different_in_every_directory(tmp_path: Path) -> None:
    one, other = load_dev_secrets(tmp_path / "1"), load_dev_secrets(tmp_path / "2")
    assert one.hmac_secret_key != other.hmac_secret_key
    assert one.http_api_key != other.http_api_key


def test_readable_by_the_owner_only(tmp_path: Path) -> None:
    mode = load_dev_secrets(tmp_path).path.stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    load_dev_secrets(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(load_dev_secrets, [tmp_path] * 8, chunksize=1)
    assert len({secrets.hmac_secret_key for secrets in made}) == 1


OLD = {"hmac_secret_key": "an old secret", "http_api_key": "an old key"}
"""What a version without accounts wrote."""


def test_an_old_file_gets_what_it_lacks_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps(OLD))
    secrets = load_dev_secrets(tmp_path)
    assert (secrets.hmac_secret_key, secrets.http_api_key) == tuple(OLD.values())
    assert len(secrets.accounts_secret_key) >= 43
    assert load_dev_secrets(tmp_path) == secrets
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == [FILE_NAME]


def test_processes_that_complete_an_old_file_at_once_agree(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(json.dumps(OLD))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(load_dev_secrets, [tmp_path] * 8, chunksize=1)
    assert len({secrets.accounts_secret_key for secrets in made}) == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"hmac_secret_key": "x"}',
        '{"hmac_secret_key": 1, "http_api_key": "x"}',
        '{"hmac_secret_key": "x", "http_api_key": "x", "accounts_secret_key": ""}',
        '{"hmac_secret_key": "x", "http_api_key": "x", "another": "x"}',
    ],
)
def test_a_file_that_holds_something_else(tmp_path: Path, content: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        load_dev_secrets(tmp_path)
    assert str(caught.value) == f"file {path}: does not hold development secrets; delete it and new ones are made"
    assert path.read_text() == content


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="development secrets: "):
        load_dev_secrets(tmp_path / "file" / "data")


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    secrets = load_dev_secrets(tmp_path)
    assert json.loads(secrets.path.read_text()) == {
        "hmac_secret_key": secrets.hmac_secret_key,
        "http_api_key": secrets.http_api_key,
        "accounts_secret_key": secrets.accounts_secret_key,
        "operator_password": secrets.operator_password,
        "operator_email": secrets.operator_email,
    }
