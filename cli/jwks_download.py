"""Gets a JWKS document for one command. The server's own way, `api.jwks_fetch`, needs a session that commands lack."""

from __future__ import annotations

import asyncio
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    UnknownHandler,
)

from hub.tokens.jwks import FetchFailed
from hub.tokens.key_set import MAX_DOCUMENT_BYTES

TIMEOUT_S: Final = 3.0


async def download_jwks(url: str) -> bytes:
    """The document, fetched under the server's conditions: no redirects, no proxy, bounded in size and time.

    Raises:
        FetchFailed: it could not be had.
    """
    return await asyncio.to_thread(_download, url)


def _download(url: str) -> bytes:
    try:
        with _opener().open(url, timeout=TIMEOUT_S) as response:
            body: bytes = response.read(MAX_DOCUMENT_BYTES + 1)
    except HTTPError as exc:
        exc.close()
        raise FetchFailed(f"HTTP status {exc.code}") from exc
    except (OSError, HTTPException, ValueError) as exc:
        raise FetchFailed(str(exc)) from exc
    if len(body) > MAX_DOCUMENT_BYTES:
        raise FetchFailed(f"longer than {MAX_DOCUMENT_BYTES} bytes")
    return body


def _opener() -> OpenerDirector:
    """Knows HTTP and HTTPS and nothing else: no redirects, no file: or ftp: addresses."""
    opener = OpenerDirector()
    for handler in (HTTPHandler, HTTPSHandler, HTTPErrorProcessor, HTTPDefaultErrorHandler, UnknownHandler):
        opener.add_handler(handler())
    return opener
