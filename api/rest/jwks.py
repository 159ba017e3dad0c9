"""The public keys of access tokens, for whoever verifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from api.rest.operation import Access, Operation

if TYPE_CHECKING:
    from api.rest.operation import AnyOperation, Call
    from sessions.signing_keys import SigningKeys

HEADERS: Final = {
    "Cache-Control": "public, max-age=300",
    "Access-Control-Allow-Origin": "*",  # public, and no use to whoever is not asked with a token of ours
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class KeyRoutes:
    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="getKeys",
                method="GET",
                path="/.well-known/jwks.json",
                summary="The keys that access tokens are verified with (RFC 7517).",
                handler=self.get,
                access=Access.PUBLIC,
            ),
        )

    async def get(self, call: Call[None, None]) -> web.Response:  # noqa: ARG002  # a handler's signature
        return web.Response(body=self._keys.jwks(), content_type="application/jwk-set+json", headers=HEADERS)
