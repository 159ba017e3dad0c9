"""The guard of requests that rely on a cookie: a browser sends it along with whatever page makes the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from aiohttp import web

    from api.rest.pages import Pages

GUARD_HEADER: Final = "X-Syncline"

FOREIGN_SITES: Final = frozenset({"cross-site", "same-site"})
"""Values of Sec-Fetch-Site that mean another origin: these need a name on the list."""


def check_csrf(request: web.Request, pages: Pages) -> None:
    """Let through what a page of ours has sent, or no page at all.

    Two locks, each enough alone: no form can set the header, and no script of another origin without a preflight that
    `api.rest.cors` refuses; and browsers say where a request comes from.

    Raises:
        Refusal: FORBIDDEN `csrf` without the header, `foreign_origin` from elsewhere.
    """
    if request.headers.getall(GUARD_HEADER, []) != ["1"]:
        raise Refusal(Kind.FORBIDDEN, "csrf", f"requests that rely on the cookie need the header {GUARD_HEADER}: 1")
    if "Origin" in request.headers:
        is_foreign = not pages.is_named(request)
    else:
        is_foreign = request.headers.get("Sec-Fetch-Site", "none") in FOREIGN_SITES
    if is_foreign:
        raise Refusal(Kind.FORBIDDEN, "foreign_origin", "add the page's origin to client.allowed_origins")
