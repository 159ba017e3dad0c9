"""`Authorization: Bearer`: who a request acts for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from aiohttp import web

    from sessions.principal import Principal

URL_PARAMETERS: Final = frozenset({"access_token", "authorization", "id_token", "refresh_token", "token"})
"""Names under which people put tokens into URLs."""


class Authenticator(Protocol):
    """Tells whose an access token is: `sessions.login_sessions.LoginSessions`."""

    async def authenticate(self, access_token: str) -> Principal:
        """Raises Refusal UNAUTHORIZED."""


async def principal_of(request: web.Request, authenticator: Authenticator) -> Principal:
    """Who the request acts for: exactly one header, with exactly the scheme `Bearer`.

    Raises:
        Refusal: UNAUTHORIZED `unauthorized`, `token_expired` or `session_revoked`.
    """
    return await authenticator.authenticate(bearer_token(request))


def bearer_token(request: web.Request) -> str:
    headers = request.headers.getall("Authorization", [])
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal(Kind.UNAUTHORIZED, "unauthorized", "send the access token as Authorization: Bearer <token>")
    return token.strip()


def refuse_token_in_url(request: web.Request) -> None:
    """A URL is kept in logs, histories and Referer headers: who puts a token there is told at once (RFC 9700, 4.3.2).

    Raises:
        Refusal: INVALID `invalid_field`.
    """
    for name in request.query:
        if name.lower() in URL_PARAMETERS:
            raise Refusal(Kind.INVALID, "invalid_field", "tokens do not go into URLs", name.lower())
