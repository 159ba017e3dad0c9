"""The /demo routes alone, on an aiohttp application of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from aiohttp.typedefs import Handler, Middleware

from api.demo import DemoSettings, add_demo_routes

_Client = TestClient[web.Request, web.Application]
_Opener = Callable[[web.Application], Awaitable[_Client]]

SETTINGS = DemoSettings(api_key="dev key", channel="demo:notices")
BOUND_SETTINGS = DemoSettings(api_key="dev key", channel="demo:notices", bound_host="Hub.Example")


@pytest.fixture
def static_root(tmp_path: Path) -> Path:
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>built</title>")
    (tmp_path / "secret.txt").write_text("not an asset")
    (assets / "main-ABC.js").write_text("export {}")
    (assets / "demo-ABC.css").write_text("body {}")
    (assets / "icon-ABC.svg").write_text("<svg/>")
    (assets / "notes.txt").write_text("not served")
    return tmp_path


@pytest.fixture
async def client(aiohttp_client: _Opener, static_root: Path) -> _Client:
    return await _open(aiohttp_client, SETTINGS, static_root)


async def _open(
    aiohttp_client: _Opener, settings: DemoSettings, static_root: Path, middleware: Middleware | None = None
) -> _Client:
    app = web.Application(middlewares=[middleware] if middleware else [])
    add_demo_routes(app, settings, static_root)
    return await aiohttp_client(app)


def _own_origin(client: _Client) -> str:
    return f"http://{client.host}:{client.port}"


async def _problem_code(response: Any) -> str:
    assert response.content_type == "application/problem+json"
    document = await response.json(content_type="application/problem+json")
    assert document["status"] == response.status
    return str(document["code"])


async def test_page_without_slash_redirects_to_the_page(client: _Client) -> None:
    response = await client.get("/demo", allow_redirects=False)
    assert response.status == 308
    assert response.headers["Location"] == "/demo/"


async def test_page_is_revalidated_and_runs_nothing_from_elsewhere(client: _Client) -> None:
    response = await client.get("/demo/")
    assert response.status == 200
    assert "<title>built</title>" in await response.text()
    assert response.content_type == "text/html"
    assert response.headers["Cache-Control"] == "no-cache"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; connect-src 'self' ws: wss:;")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("main-ABC.js", "text/javascript"), ("demo-ABC.css", "text/css"), ("icon-ABC.svg", "image/svg+xml")],
)
async def test_assets_are_cached_for_good(client: _Client, name: str, content_type: str) -> None:
    response = await client.get(f"/demo/assets/{name}")
    assert response.status == 200
    assert response.content_type == content_type
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["main-XYZ.js", "notes.txt", "..%2Fsecret.txt", "%2e%2e%2findex.html", "%00"])
async def test_only_built_assets_are_served(client: _Client, name: str) -> None:
    response = await client.get(f"/demo/assets/{name}")
    assert response.status == 404


async def test_config_says_where_everything_is(client: _Client) -> None:
    response = await client.get("/demo/config.json")
    assert response.headers["Cache-Control"] == "no-store"
    assert await response.json() == {"channel": "demo:notices", "api_key": "dev key", "api_path": "/api"}


PATHS = ["/demo", "/demo/", "/demo/assets/main-ABC.js", "/demo/config.json"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost:1", "http://127.0.0.1", "null", "", "file://", "http://[", "http://a:b"],
)
async def test_foreign_origin_is_refused(client: _Client, path: str, origin: str) -> None:
    response = await client.get(path, headers={"Origin": origin})
    assert response.status == 403
    assert await _problem_code(response) == "foreign_origin"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "192.168.1.5:8000", "[::2]:8000", "[", "a:b"]
)
async def test_rebound_host_name_is_refused(client: _Client, path: str, host: str) -> None:
    """DNS rebinding: the name is the attacker's and points here, so its Origin matches its Host."""
    headers = {"Host": host, "Origin": f"http://{host}"}
    response = await client.get(path, headers=headers)
    assert response.status == 403
    assert await _problem_code(response) == "foreign_host"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000", "[::1]"]
)
async def test_loopback_names_are_our_own(client: _Client, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host.lower()}"}
    response = await client.get("/demo/config.json", headers=headers)
    assert response.status == 200


async def test_page_behind_a_tls_proxy_keeps_its_origin(client: _Client) -> None:
    headers = {"Host": "localhost", "Origin": "https://localhost"}
    response = await client.get("/demo/config.json", headers=headers)
    assert response.status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_the_key_is_refused_to_another_site_that_sends_no_origin(client: _Client, site: str) -> None:
    response = await client.get("/demo/config.json", headers={"Sec-Fetch-Site": site})
    assert response.status == 403
    assert await _problem_code(response) == "foreign_origin"


async def test_page_can_be_reached_by_a_link_from_another_site(client: _Client) -> None:
    response = await client.get("/demo/", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status == 200


def _coming_from(peer: str) -> Middleware:
    @web.middleware
    async def pretend(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request.clone(remote=peer))

    return pretend


@pytest.mark.parametrize("peer", ["192.168.1.9", "fe80::1%eth0", "::ffff:10.0.0.1", "unknown", ""])
async def test_other_machines_are_refused_whatever_they_claim(
    aiohttp_client: _Opener, static_root: Path, peer: str
) -> None:
    client = await _open(aiohttp_client, SETTINGS, static_root, _coming_from(peer))
    response = await client.get("/demo/config.json", headers={"Host": "localhost"})
    assert response.status == 403
    assert await _problem_code(response) == "foreign_peer"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_is_served(aiohttp_client: _Opener, static_root: Path, peer: str) -> None:
    client = await _open(aiohttp_client, SETTINGS, static_root, _coming_from(peer))
    assert (await client.get("/demo/config.json")).status == 200


async def test_other_machines_are_served_on_a_configured_address(aiohttp_client: _Opener, static_root: Path) -> None:
    client = await _open(aiohttp_client, BOUND_SETTINGS, static_root, _coming_from("192.168.1.9"))
    assert (await client.get("/demo/config.json", headers={"Host": "hub.example"})).status == 200


async def test_page_answers_to_the_bound_host_name(aiohttp_client: _Opener, static_root: Path) -> None:
    client = await _open(aiohttp_client, BOUND_SETTINGS, static_root)
    response = await client.get("/demo/config.json", headers={"Host": "hub.example:8000"})
    assert response.status == 200


async def test_unbuilt_page_says_how_to_build_it(aiohttp_client: _Opener, tmp_path: Path) -> None:
    client = await _open(aiohttp_client, SETTINGS, tmp_path / "nothing")
    page = await client.get("/demo/")
    assert page.status == 503
    assert "make demo-assets" in await page.text()
    asset = await client.get("/demo/assets/main-ABC.js")
    assert await _problem_code(asset) == "unknown_asset"


async def test_unbuilt_page_redirects_to_its_explanation(aiohttp_client: _Opener, tmp_path: Path) -> None:
    client = await _open(aiohttp_client, SETTINGS, tmp_path / "nothing")
    response = await client.get("/demo")
    assert response.status == 503
