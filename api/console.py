"""The console: a page for administrators and operators, built beforehand and served from memory.

The page is for everybody to load: it holds no data. What it shows it asks for at `/v1`, with the token of whoever has
logged in there. Its policy (Content-Security-Policy level 3) lets it run its own files and talk to its own host alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import hdrs, web

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC_ROOT: Final = Path(__file__).parent / "static" / "console"

_CONTENT_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
_TEXT: Final = frozenset({".css", ".js", ".svg", ".txt"})

_HOST: Final = re.compile(r"[A-Za-z0-9.\-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
"""What may stand in the policy: a host name or address with a port, and nothing that could end a directive."""

_HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ASSET_HEADERS: Final = _HEADERS | {hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable"}
_FRESH_HEADERS: Final = _HEADERS | {hdrs.CACHE_CONTROL: "no-store"}

_UNBUILT_PAGE: Final = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Syncline console: not built</title>
<h1>The console is not built</h1>
<p>The server runs, but the files of this page are missing. Build them with <code>make console-assets</code>
and start the server again.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    content_type: str
    charset: str | None


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The built page, held in memory: some hundred kilobytes, no disk while serving, no path to escape from."""

    index: bytes
    assets: Mapping[str, _Asset]


class Console:
    """Serves the page under a prefix.

    Args:
        prefix: without a slash at the end.
        websocket: path of the live endpoint on the same port.
        version: of the server.
        static_root: where the built page is; read once, now. Without one the page answers 503 and says what to do.
    """

    def __init__(self, prefix: str, websocket: str, version: str, static_root: Path = STATIC_ROOT) -> None:
        self._prefix = prefix
        self._config = msgspec.json.encode({"websocket": websocket, "version": version})
        self._bundle = _load(static_root)

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
        if self._bundle is None:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return web.Response(status=status, text=_UNBUILT_PAGE, content_type="text/html", headers=headers)
        return web.Response(body=self._bundle.index, content_type="text/html", charset="utf-8", headers=headers)

    async def config(self, request: web.Request) -> web.Response:  # noqa: ARG002  # handler signature
        """Where the live endpoint is: the one thing of the configuration that the page needs."""
        return web.Response(body=self._config, content_type="application/json", headers=_FRESH_HEADERS)

    async def asset(self, request: web.Request) -> web.Response:
        asset = self._bundle.assets.get(request.match_info["name"]) if self._bundle else None
        if asset is None:
            raise web.HTTPNotFound
        return web.Response(
            body=asset.body, content_type=asset.content_type, charset=asset.charset, headers=_ASSET_HEADERS
        )


def policy(host: str) -> str:
    """What the page may do. The live endpoint is named: not every browser counts `ws:` of one's own host as 'self'."""
    live = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'{live}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _load(root: Path) -> _Bundle | None:
    try:
        index = (root / "index.html").read_bytes()
    except FileNotFoundError:
        return None
    files = [path for path in (root / "assets").iterdir() if path.suffix in _CONTENT_TYPES]
    return _Bundle(index, {path.name: _asset(path) for path in files})


def _asset(path: Path) -> _Asset:
    charset = "utf-8" if path.suffix in _TEXT else None
    return _Asset(path.read_bytes(), _CONTENT_TYPES[path.suffix], charset)
