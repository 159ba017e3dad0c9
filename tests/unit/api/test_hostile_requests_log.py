"""What is logged of requests that aiohttp cannot parse: nothing, whatever credentials they hold."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from observability.logging import configure_logging
from tests.support.local_server import HOST, local_server
from tests.support.wire import wire

SECRET = b"do-not-log-me"

HOSTILE = [
    pytest.param(b"GET / HTTP/1.1\r\nX-API-Key\x00: " + SECRET + b"\r\n\r\n", id="header name"),
    pytest.param(b"GET / HTTP/1.1\r\nX-API-Key: " + SECRET + b"\x00\r\n\r\n", id="header value"),
    pytest.param(b"GET / HTTP/9.9\r\nX-API-Key: " + SECRET + b"\r\n\r\n", id="version"),
    pytest.param(SECRET + b"\r\n\r\n", id="no request at all"),
    pytest.param(b"GET / HTTP/1.1\r\nX-API-Key: " + SECRET * 10_000 + b"\r\n\r\n", id="header is too long"),
    pytest.param(b"POST /api/info HTTP/1.1\r\nContent-Length: " + SECRET + b"\r\n\r\n", id="length"),
]


@pytest.fixture
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize("request_", HOSTILE)
@pytest.mark.usefixtures("_root_logger")
async def test_a_request_that_cannot_be_parsed_is_answered_and_not_logged(
    request_: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    async with local_server() as server, wire(HOST, server.port) as socket:
        await socket.send(request_)
        assert (await socket.response())[0] == 400
    logged = capsys.readouterr().err
    assert SECRET.decode() not in logged
    assert "Traceback" not in logged
    assert "listening" in logged, "other events are"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [("POST /api/info", 401), ("GET /healthz", 200), ("POST /nothing/here", 404), ("PUT /api/info", 405)],
)
@pytest.mark.usefixtures("_root_logger")
async def test_a_body_that_nobody_reads_and_nobody_could_is_not_logged(
    request_line: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """aiohttp reads what is left of it, and would take its broken compression for a fault of ours. No key is needed."""
    configure_logging()
    head = f"{request_line} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    async with local_server() as server, wire(HOST, server.port) as socket:
        await socket.send(head.encode() + b"abcd")
        assert (await socket.response())[0] == status
        await socket.rest()
    logged = capsys.readouterr().err
    assert "Traceback" not in logged
    assert "listening" in logged


@pytest.mark.usefixtures("_root_logger")
def test_our_own_failures_are_logged_with_their_stack(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        raise ValueError("our fault")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    logging.getLogger("aiohttp.server").error("without a stack")
    logged = capsys.readouterr().err
    assert "our fault" in logged
    assert "Traceback" in logged
    assert "without a stack" in logged
