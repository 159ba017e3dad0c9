"""`X-Request-ID`: what a client or a proxy calls its request goes back with the answer, and into the request's span."""

from __future__ import annotations

import uuid
from typing import Final

from aiohttp import web

REQUEST_ID: Final = "X-Request-ID"

MAX_CHARS: Final = 128

_CHOSEN: Final = web.RequestKey("syncline.request_id", str)


def request_id_of(request: web.Request) -> str | None:
    """What the caller calls it, or a new one in place of what nobody should have to repeat; None: it has no name."""
    given = request.headers.get(REQUEST_ID)
    if given is None:
        return None
    if 0 < len(given) <= MAX_CHARS and given.isascii() and given.isprintable():
        return given
    chosen: str = request.setdefault(_CHOSEN, str(uuid.uuid4()))
    return chosen
