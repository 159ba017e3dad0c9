"""Who may use what is there for backends: whoever knows the key."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from api.config import ServerAPIConfig


class APIKey:
    """The key of the server API. Without one nobody is admitted, unless everybody is."""

    def __init__(self, config: ServerAPIConfig) -> None:
        self._key = config.key.encode()
        self._is_insecure = config.is_insecure

    def admits(self, request: web.Request) -> bool:
        """Compare in constant time `X-API-Key` or `Authorization: apikey`; never the URL, which logs keep."""
        if self._is_insecure:
            return True
        if not self._key:
            return False
        headers = request.headers
        given = headers.get("X-API-Key")
        if given is None:
            scheme, _, value = headers.get("Authorization", "").partition(" ")
            given = value if scheme.lower() == "apikey" else ""
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._key)
