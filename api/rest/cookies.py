"""The refresh token's cookie (RFC 6265bis): scripts cannot read it, and no other site's page sends it along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

REFRESH_COOKIE: Final = "__Host-syncline-refresh"
"""The prefix makes browsers hold us to `Secure`, `Path=/` and no `Domain`: a sub-domain cannot plant one."""


def refresh_token_of(request: web.Request) -> str:
    """The cookie's token, "" without one."""
    return request.cookies.get(REFRESH_COOKIE, "")


def set_refresh_cookie(response: web.Response, token: str, max_age_s: int) -> None:
    response.set_cookie(
        REFRESH_COOKIE, token, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="Strict"
    )


def clear_refresh_cookie(response: web.Response) -> None:
    """Make the browser forget it. The attributes are those it was set with, or it would be another cookie."""
    response.set_cookie(REFRESH_COOKIE, "", max_age=0, path="/", secure=True, httponly=True, samesite="Strict")
