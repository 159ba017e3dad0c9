"""The nets themselves: a secret that is planted is found, in whatever form, and fails the test that let it through."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.api_client import API_KEY
from tests.support.canary import DEV_SECRETS, Canaries, LogFiles, LogNet, SecretLogged
from tests.support.tokens import SECRET

ROOT = Path(__file__).parents[3]


def logger_into(net: LogNet) -> logging.Logger:
    """A logger of which the net around this test hears nothing."""
    logger = logging.getLogger("tests.apart")
    logger.propagate = False
    logger.handlers = [net]
    return logger


@pytest.mark.parametrize("name", Canaries().named())
def test_each_canary_is_found_in_each_form(name: str) -> None:
    canaries = Canaries()
    secret = canaries.named()[name]
    for sink in (f"x{secret}x", quote(secret), json.dumps({"a": secret}), f"\x00{secret}\xff".encode("latin-1")):
        assert canaries.found_in(sink) == [name]
    assert canaries.found_in("nothing here") == []


def test_everything_that_is_sent_holds_every_canary() -> None:
    canaries = Canaries()
    everything = set(canaries.named())
    assert set(canaries.found_in(canaries.text)) == everything
    assert set(canaries.found_in(json.dumps(canaries.fields))) == everything
    assert set(canaries.found_in(canaries.query)) == everything
    assert set(canaries.found_in(json.dumps(canaries.headers))) == everything


@pytest.mark.parametrize("where", ["event", "field", "stack"])
def test_what_is_logged_is_caught(where: str) -> None:
    net = LogNet()
    logger = logger_into(net)
    try:
        raise ValueError(API_KEY if where == "stack" else "x")
    except ValueError:
        logger.exception(API_KEY if where == "event" else "x", extra={"f": [API_KEY if where == "field" else "x"]})
    with pytest.raises(SecretLogged, match=API_KEY):
        net.raise_caught()


def test_what_is_masked_on_the_way_is_not_caught() -> None:
    net = LogNet()
    logger = logger_into(net)
    logger.warning("x", extra={"api_key": API_KEY, "detail": f"GET /x?access_token={SECRET}"})
    net.raise_caught()


def test_what_a_node_writes_is_caught_line_by_line(tmp_path: Path) -> None:
    files, log_file, data = LogFiles(), tmp_path / "node.log", tmp_path / "data"
    files.watch(log_file, data)
    log_file.write_text('{"event": "fine"}\n{"event": "half of')
    files.check()
    with log_file.open("a") as file:
        file.write(f' {API_KEY}"}}\n')
    with pytest.raises(SecretLogged):
        files.check()
    files.check()  # told once
    log_file.unlink()
    files.check()


def test_the_secrets_that_a_development_node_has_made_count_too(tmp_path: Path) -> None:
    files, log_file = LogFiles(), tmp_path / "node.log"
    (tmp_path / DEV_SECRETS).write_text(
        json.dumps({"http_api_key": "made-here-4711", "operator_email": "op@x.example"})
    )
    files.watch(log_file, tmp_path)
    log_file.write_text("op@x.example is the operator\n")
    files.check()
    log_file.write_text("op@x.example is the operator\nhis key is made-here-4711\n")
    with pytest.raises(SecretLogged):
        files.check()


def test_a_leak_fails_the_test_that_made_it(tmp_path: Path) -> None:
    """As the suite runs: with its own plugin, in a process of its own."""
    (tmp_path / "test_leaks.py").write_text(
        "import logging\n"
        "from tests.support.api_client import API_KEY\n"
        "def test_leak(): logging.getLogger('x').warning('the key is %s', API_KEY)\n"
        "def test_none(): logging.getLogger('x').warning('nothing')\n"
    )
    options = [
        "-p",
        "tests.support.canary",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-q",
        f"--rootdir={tmp_path}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "SecretLogged" in done.stdout
    assert "2 passed, 1 error" in done.stdout
