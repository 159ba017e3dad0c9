"""An identity provider whose key set a test changes, withholds or breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hub.tokens.jwks import FetchFailed
from tests.unit.hub.tokens.issuer import key_set_document

URL = "https://id.example/jwks.json"


class KeyProvider:
    """Implements Fetch. While `hold` is not called it answers at once."""

    def __init__(self) -> None:
        self.document = key_set_document()
        self.is_down = False
        self.fetches = 0
        self.fetch_begun = asyncio.Event()
        self._may_answer = asyncio.Event()
        self._may_answer.set()

    def publish(self, *jwks: Mapping[str, object]) -> None:
        self.document = key_set_document(*jwks)

    def hold(self) -> None:
        """Let fetches wait for `release`."""
        self._may_answer.clear()
        self.fetch_begun.clear()

    def release(self) -> None:
        self._may_answer.set()

    async def fetch(self, url: str) -> bytes:
        assert url == URL
        self.fetches += 1
        self.fetch_begun.set()
        await self._may_answer.wait()
        if self.is_down:
            raise FetchFailed("HTTP status 503")
        return self.document
