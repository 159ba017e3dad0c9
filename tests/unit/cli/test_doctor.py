from __future__ import annotations

import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.check import Check, Status
from cli.doctor import (
    WANTED_FILES,
    check_aiohttp_extensions,
    check_backlog,
    check_data_dir,
    check_file_limit,
    check_port,
    check_python,
    check_uvloop,
)
from tests.unit.cli.conftest import Run


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_a_line_says_how_it_stands_and_what_to_do() -> None:
    assert str(Check(Status.OK, "Python 3.11.7")) == "ok   Python 3.11.7"
    assert str(Check(Status.FAIL, "port 80", "choose another")) == "fail port 80: choose another"


def test_nothing_to_complain_of_on_a_free_port(run: Run) -> None:
    result = run("doctor", "--dev", env={"SYNCLINE_HTTP_SERVER__PORT": str(free_port())})
    assert result.exit_code == 0
    assert "fail" not in result.stdout
    assert "ok   configuration" in result.stdout.splitlines()


def test_looking_writes_nothing(run: Run, tmp_path: Path) -> None:
    run("doctor", "--dev", "--data-dir", "d")
    assert not list(tmp_path.iterdir())


def test_tells_what_is_wrong_with_the_configuration(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 1
    assert "fail configuration: client.token.hmac_secret_key: must be set" in result.stdout
    assert "fail configuration: http_api.key: must be set" in result.stdout


def test_tells_of_warnings(run: Run) -> None:
    env = {"SYNCLINE_CLIENT__INSECURE": "1", "SYNCLINE_HTTP_SERVER__PORT": "0"}
    result = run("doctor", "--dev", env=env)
    assert result.exit_code == 0
    assert "warn configuration: client.insecure: anyone may connect" in result.stdout


def test_tells_of_busy_ports(run: Run, busy_port: int) -> None:
    env = {"SYNCLINE_HTTP_SERVER__ADDRESS": "127.0.0.1", "SYNCLINE_HTTP_SERVER__INTERNAL_PORT": str(busy_port)}
    result = run("doctor", "--dev", env={**env, "SYNCLINE_HTTP_SERVER__PORT": str(free_port())})
    assert result.exit_code == 1
    assert f"fail port {busy_port} on 127.0.0.1: Address already in use" in result.stdout


def test_a_port_that_is_free_somewhere_only_is_busy(busy_port: int) -> None:
    """Without an address the server listens everywhere, so one taken address is enough."""
    assert check_port("", busy_port).status is Status.FAIL
    assert check_port("", free_port()).status is Status.OK


def test_an_address_that_is_not_ours() -> None:
    assert check_port("192.0.2.1", free_port()).status is Status.FAIL
    assert check_port("no.such.host.invalid", free_port()).status is Status.FAIL


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_python().status is Status.OK
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    assert check_python().status is Status.FAIL


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        (WANTED_FILES, Status.OK),
        (resource.RLIM_INFINITY, Status.OK),
        (WANTED_FILES - 1, Status.WARN),
        (1024, Status.WARN),
        (256, Status.FAIL),
    ],
)
def test_file_limit(monkeypatch: pytest.MonkeyPatch, limit: int, status: Status) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, resource.RLIM_INFINITY))
    assert check_file_limit().status is status


def test_file_limit_advice_names_what_the_machine_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert check_file_limit().advice.endswith("up to 4096 here")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
    assert check_file_limit().advice.endswith("up to unlimited here")


@pytest.mark.parametrize(
    ("content", "status"), [("4096\n", Status.OK), ("8192", Status.OK), ("128\n", Status.WARN), ("x", Status.WARN)]
)
def test_backlog(tmp_path: Path, content: str, status: Status) -> None:
    file = tmp_path / "somaxconn"
    file.write_text(content)
    assert check_backlog(file).status is status


def test_backlog_where_there_is_no_such_file(tmp_path: Path) -> None:
    assert check_backlog(tmp_path / "absent").status is Status.WARN


def test_missing_extensions_and_uvloop_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_aiohttp_extensions().status is Status.OK
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert check_aiohttp_extensions().status is Status.WARN
    assert "reader_c" in check_aiohttp_extensions().advice
    assert check_uvloop().status is Status.WARN


def test_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_data_dir(tmp_path).status is Status.OK
    assert check_data_dir(tmp_path / "not" / "yet").status is Status.OK
    (tmp_path / "file").write_text("")
    assert check_data_dir(tmp_path / "file").status is Status.FAIL
    monkeypatch.setattr("os.access", lambda *_: False)  # tests may run as root, who can write anywhere
    assert check_data_dir(tmp_path).status is Status.FAIL
    assert str(tmp_path) in check_data_dir(tmp_path / "not" / "yet").advice
