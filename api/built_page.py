"""A page of ours that was built beforehand: read once and held in memory, so no request reaches the disk.

What may be asked for are the names found there; so there is no path to escape from.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ASSET_CACHING: Final = {hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable"}
"""Of assets: their names change with what they hold."""

_CONTENT_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_BINARY: Final = frozenset({".woff2"})

_UNBUILT: Final = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Syncline {name}: not built</title>
<h1>The {name} is not built</h1>
<p>The server runs, but the files of this page are missing. Build them with <code>{command}</code>
and start the server again.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    content_type: str
    charset: str | None


class BuiltPage:
    """Answers for the page and its assets.

    Args:
        root: where `index.html` and `assets` are. Without them the page answers 503 and says what to do.
        name: what people call it.
        command: what builds it.
    """

    def __init__(self, root: Path, name: str, command: str) -> None:
        self._unbuilt = _UNBUILT.format(name=name, command=command)
        self._index = _index_in(root)
        self._assets: Mapping[str, _Asset] = {} if self._index is None else _assets_in(root / "assets")

    def page(self, headers: Mapping[str, str]) -> web.Response:
        if self._index is None:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return web.Response(status=status, text=self._unbuilt, content_type="text/html", headers=headers)
        return web.Response(body=self._index, content_type="text/html", charset="utf-8", headers=headers)

    def asset(self, name: str, headers: Mapping[str, str]) -> web.Response | None:
        """None: there is no such asset."""
        asset = self._assets.get(name)
        if asset is None:
            return None
        return web.Response(body=asset.body, content_type=asset.content_type, charset=asset.charset, headers=headers)


def _index_in(root: Path) -> bytes | None:
    try:
        return (root / "index.html").read_bytes()
    except FileNotFoundError:
        return None


def _assets_in(folder: Path) -> dict[str, _Asset]:
    return {path.name: _asset(path) for path in folder.iterdir() if path.suffix in _CONTENT_TYPES}


def _asset(path: Path) -> _Asset:
    charset = None if path.suffix in _BINARY else "utf-8"
    return _Asset(path.read_bytes(), _CONTENT_TYPES[path.suffix], charset)
