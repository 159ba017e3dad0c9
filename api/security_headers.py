"""Headers that every answer carries: nothing here is to be framed, sniffed or sent on as a referrer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:  # noqa: ARG001  # signal
    """Runs when an answer's headers are about to be sent, whoever made it."""
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return
    headers = response.headers
    headers["Server"] = "syncline"  # aiohttp has put its own name and version there
    for name, value in HEADERS.items():
        if name not in headers:
            headers[name] = value
