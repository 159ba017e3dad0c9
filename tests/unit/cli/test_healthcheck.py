from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.unit.cli.conftest import Run


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.strip("/"))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet: the test's output is the command's."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Health) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_well(run: Run, url: str) -> None:
    result = run("healthcheck", "--url", f"{url}/200")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("status", [204, 404, 500, 503])
def test_not_well(run: Run, url: str, status: int) -> None:
    result = run("healthcheck", "--url", f"{url}/{status}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: {url}/{status}: HTTP status {status}\n"


def test_nobody_there(run: Run) -> None:
    result = run("healthcheck", "--url", "http://127.0.0.1:1/healthz")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: http://127.0.0.1:1/healthz: ")


def test_somebody_else_there(run: Run) -> None:
    """A port that is taken by another program: an answer, but not HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"SSH-2.0-nonsense\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        result = run("healthcheck", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert result.exit_code == 1
    assert "BadStatusLine" in result.stderr


def test_does_not_ask_a_proxy(run: Run, url: str) -> None:
    proxied = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}
    assert run("healthcheck", "--url", f"{url}/200", env=proxied).exit_code == 0


def test_other_schemes_are_wrong_usage(run: Run) -> None:
    assert run("healthcheck", "--url", "file:///etc/passwd").exit_code == 2
