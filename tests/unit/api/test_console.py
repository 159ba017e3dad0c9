"""The console's page: what it may do, and what is served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from api.console import Console, policy

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'{live}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Console</title>")
    (tmp_path / "assets" / "main-ABC123.js").write_text("export {}")
    (tmp_path / "assets" / "main-ABC123.css").write_text("a{}")
    (tmp_path / "assets" / "face-ABC123.woff2").write_bytes(b"\x00\xff")
    (tmp_path / "assets" / "notes.md").write_text("of the build")
    return tmp_path


async def client_of(root: Path, prefix: str = "/console") -> AsyncIterator[Client]:
    app = web.Application()
    Console(prefix, "/connection/websocket", "1.2.3", root).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def client(built: Path) -> AsyncIterator[Client]:
    async for each in client_of(built):
        yield each


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "10.0.0.1:9000", "[::1]:8000", "console.example.com", "a-b.c:1"]
)
def test_the_live_endpoint_is_on_the_same_host(host: str) -> None:
    assert policy(host) == POLICY.format(live=f" ws://{host} wss://{host}")


@pytest.mark.parametrize(
    "host", ["", "a b", "a;script-src *", "a,b", "*", "http://a", "a:b", "a:123456", "a'", "a\n", "[::1"]
)
def test_a_host_that_is_none_gets_nothing(host: str) -> None:
    assert policy(host) == POLICY.format(live="")


@given(st.text())
def test_no_host_adds_a_directive(host: str) -> None:
    directives = [directive.split()[0] for directive in policy(host).split(";")]
    assert directives == [directive.split()[0] for directive in POLICY.split(";")]
    assert "*" not in policy(host)


async def test_the_page_is_fresh_and_may_do_little(client: Client) -> None:
    answer = await client.get("/console/")
    assert answer.status == 200
    assert await answer.text() == "<!doctype html><title>Console</title>"
    assert answer.content_type == "text/html"
    assert answer.headers["Cache-Control"] == "no-store"
    host = f"{client.host}:{client.port}"
    assert answer.headers["Content-Security-Policy"] == POLICY.format(live=f" ws://{host} wss://{host}")
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("main-ABC123.js", "text/javascript"), ("main-ABC123.css", "text/css"), ("face-ABC123.woff2", "font/woff2")],
)
async def test_assets_never_change(client: Client, name: str, content_type: str) -> None:
    answer = await client.get(f"/console/assets/{name}")
    assert (answer.status, answer.content_type) == (200, content_type)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["notes.md", "other.js", "..%2findex.html", "%2e%2e/index.html", "a/b.js"])
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    assert (await client.get(f"/console/assets/{path}")).status == 404


async def test_the_prefix_leads_to_the_page(client: Client) -> None:
    answer = await client.get("/console", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (308, "/console/")


async def test_the_page_learns_where_the_live_endpoint_is(client: Client) -> None:
    answer = await client.get("/console/config.json")
    assert await answer.json() == {"websocket": "/connection/websocket", "version": "1.2.3"}
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_page_that_is_not_built_says_so(tmp_path: Path) -> None:
    async for client in client_of(tmp_path, "/ops/page"):
        answer = await client.get("/ops/page/")
        assert answer.status == 503
        assert "make console-assets" in await answer.text()
        assert (await client.get("/ops/page/assets/main.js")).status == 404
