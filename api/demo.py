"""The demonstration page at /demo, for `serve --dev` only.

It hands a development credential to whoever may load the page: the key of the server API. So every route answers only
to this machine, only to pages of its own origin, and only under a name that means this machine. The name is checked
because of DNS rebinding: a foreign page may point its own host name at 127.0.0.1, and is then of the same origin in the
browser's eyes; what gives it away is the Host header. Whoever wants the page on other machines says so by configuring
the address to listen on. Users and tokens the page gets as every frontend does, from `/v1`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web

from api.built_page import ASSET_CACHING, BuiltPage

STATIC_ROOT: Final = Path(__file__).parent / "static" / "demo"

_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_PAGE_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ASSET_HEADERS: Final = _PAGE_HEADERS | ASSET_CACHING
_SECRET_HEADERS: Final = _PAGE_HEADERS | {hdrs.CACHE_CONTROL: "no-store"}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the page needs to show how a backend tells a user something.

    Attributes:
        api_key: the key of the server HTTP API, shown in the curl line.
        channel: where notices come, with `#<user>` behind it; its namespace must let that user subscribe and recover.
        bound_host: the name or address the server was told to listen on, if any. The page answers to it too, and to
            other machines.
    """

    api_key: str
    channel: str
    bound_host: str = ""


def add_demo_routes(app: web.Application, settings: DemoSettings, static_root: Path = STATIC_ROOT) -> None:
    """Serve the page under /demo.

    Without a built page in `static_root`, read once now, the page answers 503 and says how to build it.
    """
    demo = _Demo(settings, BuiltPage(static_root, "demo page", "make demo-assets"))
    app.router.add_get("/demo", demo.guarded(_redirect_to_page))
    app.router.add_get("/demo/", demo.guarded(demo.handle_page))
    app.router.add_get("/demo/assets/{name}", demo.guarded(demo.handle_asset))
    app.router.add_get("/demo/config.json", demo.guarded(_from_this_site(demo.handle_config)))


class _Demo:
    def __init__(self, settings: DemoSettings, built: BuiltPage) -> None:
        self._settings = settings
        self._built = built
        self._hosts = _LOCAL_HOSTS | {settings.bound_host.lower()} - {""}

    def guarded(self, handler: _Handler) -> _Handler:
        async def guard(request: web.Request) -> web.StreamResponse:
            if not (self._settings.bound_host or _is_loopback(request.remote)):
                detail = "The demo answers only to its own machine, unless http_server.address is set."
                return _problem(HTTPStatus.FORBIDDEN, "foreign_peer", detail)
            if not self._is_own_name(request.host):
                return _problem(
                    HTTPStatus.FORBIDDEN, "foreign_host", "The demo answers only under this machine's name."
                )
            if not _is_same_origin(request):
                return _problem(HTTPStatus.FORBIDDEN, "foreign_origin", "The demo answers only to its own page.")
            return await handler(request)

        return guard

    def _is_own_name(self, host: str) -> bool:
        place = _place_of(f"http://{host}")
        return place is not None and place[0] in self._hosts

    async def handle_page(self, _request: web.Request) -> web.StreamResponse:
        return self._built.page(_PAGE_HEADERS)

    async def handle_asset(self, request: web.Request) -> web.StreamResponse:
        asset = self._built.asset(request.match_info["name"], _ASSET_HEADERS)
        if asset is None:
            return _problem(HTTPStatus.NOT_FOUND, "unknown_asset", "The built page has no such file.")
        return asset

    async def handle_config(self, _request: web.Request) -> web.StreamResponse:
        settings = self._settings
        return _json({"channel": settings.channel, "api_key": settings.api_key, "api_path": "/api"})


async def _redirect_to_page(_request: web.Request) -> web.StreamResponse:
    # The page's own links are relative, hence the slash.
    return web.Response(status=HTTPStatus.PERMANENT_REDIRECT, headers={hdrs.LOCATION: "/demo/"} | _PAGE_HEADERS)


def _from_this_site(handler: _Handler) -> _Handler:
    """Refuse what a browser says comes from another site, such as a GET without CORS, which carries no Origin."""

    async def guard(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
            return _problem(HTTPStatus.FORBIDDEN, "foreign_origin", "The demo answers only to its own page.")
        return await handler(request)

    return guard


def _is_loopback(peer: str | None) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    # A dual-stack listener shows an IPv4 peer as ::ffff:127.0.0.1, which Python 3.11 does not call loopback.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _is_same_origin(request: web.Request) -> bool:
    """Whether the Origin, if any, names the host and port that the request was sent to.

    The scheme is taken from the Origin: a TLS proxy in front speaks plain HTTP to us.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return True
    scheme = origin.partition("://")[0]
    place = _place_of(origin)
    return scheme in _DEFAULT_PORTS and place is not None and place == _place_of(f"{scheme}://{request.host}")


def _place_of(url: str) -> tuple[str, int] | None:
    """Host, in lower case and without brackets, and port of a URL; None if it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.hostname, port) if parts.hostname else None


def _json(content: Mapping[str, str]) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json", headers=_SECRET_HEADERS)


def _problem(status: HTTPStatus, code: str, detail: str) -> web.Response:
    """A problem document (RFC 9457) with a stable `code`."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "code": code, "detail": detail}
    body = msgspec.json.encode(document)
    return web.Response(
        status=status.value, body=body, content_type="application/problem+json", headers=_SECRET_HEADERS
    )
