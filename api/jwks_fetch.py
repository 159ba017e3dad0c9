"""Gets an identity provider's key set over HTTP: the Fetch that `hub.tokens` is given."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from hub.tokens.jwks import FetchFailed
from hub.tokens.key_set import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TIMEOUT = aiohttp.ClientTimeout(total=3)
"""For the whole exchange, below `jwks.FETCH_DEADLINE_S` so that its reason is the one in the log."""

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_jwks_fetch() -> AsyncIterator[JwksFetch]:
    """A JwksFetch with a session of its own."""
    async with aiohttp.ClientSession() as session:
        yield JwksFetch(session)


class JwksFetch:
    """Fetches JWK sets with a session it is lent.

    A redirect is a failure: it would let whoever answers for one address choose another, and key sets do not move.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._warned_of: set[str] = set()

    async def __call__(self, url: str) -> bytes:
        """The body of a 200, at most MAX_DOCUMENT_BYTES of it after content decoding.

        Raises:
            FetchFailed: no such answer within TIMEOUT, or the URL is neither https nor http.
        """
        self._check_transport(url)
        try:
            async with self._session.get(
                url, allow_redirects=False, timeout=TIMEOUT, headers={"Accept": "application/json"}
            ) as response:
                if response.status != HTTPStatus.OK:
                    raise FetchFailed(f"HTTP status {response.status}")
                return await _read_bounded(response)
        except TimeoutError as exc:
            raise FetchFailed(f"no answer within {TIMEOUT.total} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise FetchFailed(type(exc).__name__) from exc

    def _check_transport(self, url: str) -> None:
        """Keys that come over plain http can be exchanged on the way; only inside one machine is that nobody's way."""
        try:
            scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
        except ValueError as exc:
            raise FetchFailed("not a URL") from exc
        if scheme not in {"http", "https"} or not host:
            raise FetchFailed("neither an https nor an http URL")
        if scheme == "http" and not _is_loopback(host) and url not in self._warned_of:
            self._warned_of.add(url)
            logger.warning("jwks_over_plain_http", extra={"host": host})


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise FetchFailed(f"longer than {MAX_DOCUMENT_BYTES} bytes")
    return bytes(body)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
