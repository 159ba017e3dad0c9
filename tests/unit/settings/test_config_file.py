from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.settings.conftest import Complain, Load

TOML = """\
[http_server]
port = 8001

[client]
allowed_origins = ["https://a.example"]

[client.token]
audience = "us"

[[channel.namespaces]]
name = "chat"
presence = true

[[channel.namespaces]]
name = "news"
"""


def test_toml(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "syncline.toml"
    file.write_text(TOML)
    settings = load(config_file=file).settings
    assert settings.http_server.port == 8001
    assert settings.client.allowed_origins == ("https://a.example",)
    assert settings.client.token.audience == "us"
    assert [(item.name, item.presence) for item in settings.channel.namespaces] == [("chat", True), ("news", False)]


def test_suffix_in_upper_case_and_byte_order_mark(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "CONFIG.JSON"
    file.write_bytes(b'\xef\xbb\xbf{"log": {"level": "warn"}}')
    assert load(config_file=file).settings.log.level == "warn"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.yaml", b"log: {}", "YAML is not read; write the same options as TOML or JSON"),
        ("config.yml", b"log: {}", "YAML is not read; write the same options as TOML or JSON"),
        ("config.ini", b"", "must end in .toml or .json, so that its format is known"),
        ("config", b"{}", "must end in .toml or .json, so that its format is known"),
        ("config.json", b"{", "is not valid JSON: Expecting property name"),
        ("config.json", b"[" * 100_000, "is not valid JSON: "),
        ("config.json", b"[]", "must hold an object of options"),
        ("config.json", b'{"log": {"level": "warn", "level": "info"}}', "gives the key 'level' twice in one object"),
        ("config.json", b"\xff", "is not UTF-8 text"),
        ("config.toml", b"port 1", "is not valid TOML: "),
        ("config.toml", b"[log]\nlevel='info'\nlevel='warn'", "is not valid TOML: "),
    ],
)
def test_a_file_that_cannot_be_used(
    problems: Complain, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """One complaint, about the file: what it might have set is not missed as well."""
    file = tmp_path / name
    file.write_bytes(content)
    (problem,) = problems(config_file=file, is_for_serving=True)
    assert problem.key == ""
    assert problem.message.startswith(message)
    assert str(problem).startswith(f"file {file}: {message}")


def test_a_file_that_is_not_there(problems: Complain, tmp_path: Path) -> None:
    (problem,) = problems(config_file=tmp_path / "absent.toml", is_for_serving=True)
    assert str(problem) == f"file {tmp_path / 'absent.toml'}: cannot be read: No such file or directory"


def test_the_environment_is_still_checked_when_the_file_cannot_be_used(problems: Complain, tmp_path: Path) -> None:
    found = problems(config_file=tmp_path / "absent.toml", env={"SYNCLINE_LOG__LEVEL": "loud"})
    assert {problem.key for problem in found} == {"", "log.level"}
