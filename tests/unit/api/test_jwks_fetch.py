"""Fetching a key set from a server on the loopback interface."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer, unused_port

from api import jwks_fetch
from api.jwks_fetch import JwksFetch
from hub.tokens.jwks import FETCH_DEADLINE_S, FetchFailed
from hub.tokens.key_set import MAX_DOCUMENT_BYTES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Provider:
    """Answers /jwks.json as a test wants it to."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.answer: Handler = self._answer_with_keys
        self.release = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answer(request)

    async def _answer_with_keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": []})


class LoopbackResolver(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def server(provider: Provider) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_get("/jwks.json", provider.handle)
    server = TestServer(app)
    await server.start_server()
    yield server
    provider.release.set()
    await server.close()


@pytest.fixture
async def fetch() -> AsyncIterator[JwksFetch]:
    connector = aiohttp.TCPConnector(resolver=LoopbackResolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield JwksFetch(session)


@pytest.fixture
def url(server: TestServer) -> str:
    return str(server.make_url("/jwks.json"))


async def test_the_body_of_a_200_is_the_document(fetch: JwksFetch, provider: Provider, url: str) -> None:
    assert await fetch(url) == b'{"keys": []}'
    assert provider.requests[0].headers["Accept"] == "application/json"


@pytest.mark.parametrize("status", [201, 204, 304, 401, 404, 429, 500, 503])
async def test_any_other_status_is_a_failure(fetch: JwksFetch, provider: Provider, url: str, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    provider.answer = answer
    with pytest.raises(FetchFailed, match=f"HTTP status {status}"):
        await fetch(url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(fetch: JwksFetch, provider: Provider, url: str, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": url})

    provider.answer = answer
    with pytest.raises(FetchFailed, match=f"HTTP status {status}"):
        await fetch(url)
    assert len(provider.requests) == 1


async def test_at_most_256_kib_are_read(fetch: JwksFetch, provider: Provider, url: str) -> None:
    size = MAX_DOCUMENT_BYTES

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * size)

    provider.answer = answer
    assert len(await fetch(url)) == MAX_DOCUMENT_BYTES
    size += 1
    with pytest.raises(FetchFailed, match="longer than"):
        await fetch(url)


async def test_a_document_without_an_end_is_given_up(fetch: JwksFetch, provider: Provider, url: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    provider.answer = answer
    with pytest.raises(FetchFailed, match="longer than"):
        await fetch(url)


async def test_what_counts_is_the_size_after_decompression(fetch: JwksFetch, provider: Provider, url: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        bomb = gzip.compress(bytes(64 * MAX_DOCUMENT_BYTES))
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    provider.answer = answer
    with pytest.raises(FetchFailed, match="longer than"):
        await fetch(url)


async def test_no_answer_in_time_is_a_failure(
    fetch: JwksFetch, provider: Provider, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jwks_fetch.TIMEOUT.total == 3 < FETCH_DEADLINE_S
    monkeypatch.setattr(jwks_fetch, "TIMEOUT", aiohttp.ClientTimeout(total=0.05))

    async def answer(request: web.Request) -> web.Response:
        await provider.release.wait()
        return web.Response()

    provider.answer = answer
    with pytest.raises(FetchFailed, match="no answer within"):
        await fetch(url)


async def test_a_broken_answer_is_a_failure(fetch: JwksFetch, provider: Provider, url: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return response

    provider.answer = answer
    with pytest.raises(FetchFailed):
        await fetch(url)


async def test_nobody_there_is_a_failure(fetch: JwksFetch) -> None:
    with pytest.raises(FetchFailed, match="ClientConnectorError"):
        await fetch(f"http://127.0.0.1:{unused_port()}/jwks.json")


@pytest.mark.parametrize(
    "url", ["", "/etc/passwd", "file:///etc/passwd", "ftp://id.example/jwks", "data:,{}", "https://", "http://[::1"]
)
async def test_only_http_and_https_urls_are_fetched(fetch: JwksFetch, url: str) -> None:
    with pytest.raises(FetchFailed, match="URL"):
        await fetch(url)


async def test_plain_http_beyond_this_machine_is_warned_of_once(
    fetch: JwksFetch, server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await fetch(f"http://id.example:{server.port}/jwks.json?secret=8154711")
    assert [(record.message, getattr(record, "host", None)) for record in caplog.records] == [
        ("jwks_over_plain_http", "id.example")
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "id.localhost"])
async def test_plain_http_within_this_machine_is_nobodys_business(
    fetch: JwksFetch, server: TestServer, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await fetch(f"http://{host}:{server.port}/jwks.json")
    assert not caplog.records
