"""Which web pages may read answers, and which may rely on the visitor's cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from api.origins import Origins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

ANY: Final = "*"


class Pages:
    """The pages of `client.allowed_origins`, and those that this server's own host serves.

    A lone `*` opens answers to every page's scripts, which then must bring a token of their own; it never opens the
    cookie to them, or any page could act in its visitor's name.
    """

    def __init__(self, allowed_origins: Iterable[str]) -> None:
        patterns = tuple(allowed_origins)
        self.is_open = ANY in patterns
        self._named = Origins(pattern for pattern in patterns if pattern != ANY)

    def is_named(self, request: web.Request) -> bool:
        """Whether the request comes from a page that is named in the configuration, or from one of our own.

        False without an Origin header; `null` (sandboxed frames, local files) is nobody's name.
        """
        origins = request.headers.getall("Origin", [])
        if len(origins) != 1 or origins[0].lower() == "null":
            return False
        return self._named.allow(origins) or is_own(request, origins[0])


def is_own(request: web.Request, origin: str) -> bool:
    """Whether a page of this host. The scheme is not compared: TLS may have ended at a proxy before us."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    host = request.headers.get("Host", "").lower()
    return parts.scheme in {"http", "https"} and bool(host) and parts.netloc.lower() == host
