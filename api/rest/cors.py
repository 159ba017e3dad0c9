"""Cross-origin reads (Fetch standard): answers are opened to the pages that are named, one by one.

Our own and not aiohttp-middlewares' (docs/adr/0031-rest-api.md): that one sends no `Vary: Origin`, so that a shared
cache may hand one page's permission to another, and matches origins by prefix where they are patterns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable

    from api.rest.pages import Pages

ALLOWED_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Syncline, traceparent, tracestate"
)
EXPOSED_HEADERS: Final = "ETag, RateLimit, RateLimit-Policy, Retry-After, Syncline-Epoch"
METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
PREFLIGHT_MAX_AGE_S: Final = 600


def is_preflight(request: web.Request) -> bool:
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def preflight_answer(request: web.Request, pages: Pages) -> web.Response:
    """What a page that is not allowed gets grants nothing, and its browser stops there."""
    response = web.Response(status=204)
    add_cors_headers(request, response, pages)
    vary(response, ("Access-Control-Request-Method", "Access-Control-Request-Headers"))
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)
    return response


def add_cors_headers(request: web.Request, response: web.StreamResponse, pages: Pages) -> None:
    """Open an answer to its page: with the cookie to one that is named, without it to any where `*` is configured."""
    vary(response, ("Origin",))
    headers = response.headers
    if pages.is_named(request):
        headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        headers["Access-Control-Allow-Credentials"] = "true"
    elif pages.is_open:
        headers["Access-Control-Allow-Origin"] = "*"
    else:
        return
    headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS


def vary(response: web.StreamResponse, names: Iterable[str]) -> None:
    present = response.headers.get("Vary", "")
    response.headers["Vary"] = ", ".join([present, *names] if present else names)
