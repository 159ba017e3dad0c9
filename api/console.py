"""The console: a page for administrators and operators, built beforehand and served from memory.

The page is for everybody to load: it holds no data. What it shows it asks for at `/v1`, with the token of whoever has
logged in there. Its policy (Content-Security-Policy level 3) lets it run its own files and talk to its own host alone.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import hdrs, web

from api.built_page import ASSET_CACHING, BuiltPage

STATIC_ROOT: Final = Path(__file__).parent / "static" / "console"

_HOST: Final = re.compile(r"[A-Za-z0-9.\-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
"""What may stand in the policy: a host name or address with a port, and nothing that could end a directive."""

_HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ASSET_HEADERS: Final = _HEADERS | ASSET_CACHING
_FRESH_HEADERS: Final = _HEADERS | {hdrs.CACHE_CONTROL: "no-store"}


class Console:
    """Serves the page under a prefix.

    Args:
        prefix: without a slash at the end.
        websocket: path of the live endpoint on the same port.
        version: of the server.
        static_root: where the built page is; read once, now.
    """

    def __init__(self, prefix: str, websocket: str, version: str, static_root: Path = STATIC_ROOT) -> None:
        self._prefix = prefix
        self._config = msgspec.json.encode({"websocket": websocket, "version": version})
        self._built = BuiltPage(static_root, "console", "make console-assets")

    def add_routes(self, app: web.Application) -> None:
        prefix = self._prefix
        app.router.add_get(prefix, self.to_page)
        app.router.add_get(f"{prefix}/", self.page)
        app.router.add_get(f"{prefix}/config.json", self.config)
        app.router.add_get(f"{prefix}/assets/{{name}}", self.asset)

    async def to_page(self, request: web.Request) -> web.Response:  # noqa: ARG002  # handler signature
        """The page's own links are relative, hence the slash."""
        headers = _HEADERS | {hdrs.LOCATION: f"{self._prefix}/"}
        return web.Response(status=HTTPStatus.PERMANENT_REDIRECT, headers=headers)

    async def page(self, request: web.Request) -> web.Response:
        headers = _FRESH_HEADERS | {"Content-Security-Policy": policy(request.headers.get(hdrs.HOST, ""))}
        return self._built.page(headers)

    async def config(self, request: web.Request) -> web.Response:  # noqa: ARG002  # handler signature
        """Where the live endpoint is: the one thing of the configuration that the page needs."""
        return web.Response(body=self._config, content_type="application/json", headers=_FRESH_HEADERS)

    async def asset(self, request: web.Request) -> web.Response:
        asset = self._built.asset(request.match_info["name"], _ASSET_HEADERS)
        if asset is None:
            raise web.HTTPNotFound
        return asset


def policy(host: str) -> str:
    """What the page may do. The live endpoint is named: not every browser counts `ws:` of one's own host as 'self'."""
    live = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'{live}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
