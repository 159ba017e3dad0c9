"""What identity providers send on their own account: OpenID Back-Channel Logout and Shared Signals events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from api.rest.body import FormBody, RawBody
from api.rest.operation import Access, Operation, answer
from services.identity.refused import TokenRefused

if TYPE_CHECKING:
    from api.rest.operation import AnyOperation, Call
    from services.identity.backchannel_logout import BackchannelLogout
    from services.identity.security_events import SecurityEvents

MAX_TOKEN_BYTES = 16 * 1024


class IdentityRoutes:
    """Both are open to anybody: what counts is who has signed the token."""

    def __init__(self, logout: BackchannelLogout, events: SecurityEvents) -> None:
        self._logout = logout
        self._events = events

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="backchannelLogout",
                method="POST",
                path="/v1/backchannel-logout",
                summary="End sessions that an identity provider has ended (OpenID Back-Channel Logout 1.0).",
                handler=self.log_out,
                body=FormBody("logout_token", MAX_TOKEN_BYTES),
                access=Access.PUBLIC,
                problems=(400,),
            ),
            Operation(
                id="pushSecurityEvent",
                method="POST",
                path="/v1/security-events",
                summary="Take a security event (RFC 8935 push delivery, OpenID CAEP 1.0).",
                handler=self.take_event,
                body=RawBody(("application/secevent+jwt",), MAX_TOKEN_BYTES),
                access=Access.PUBLIC,
                answers={202: None},
            ),
        )

    async def log_out(self, call: Call[str, None]) -> web.Response:
        await self._logout.receive(call.body)
        return web.Response()

    async def take_event(self, call: Call[bytes, None]) -> web.Response:
        """Errors have the shape that RFC 8935 section 2.4 gives them, not that of a problem document."""
        headers = call.request.headers.getall("Authorization", [])
        try:
            # What is not ASCII cannot be a token; the receiver finds that out.
            await self._events.receive(call.body.decode("ascii", "replace"), headers[0] if len(headers) == 1 else "")
        except TokenRefused as exc:
            return answer({"err": exc.fault.value, "description": exc.detail}, 400)
        return web.Response(status=202)
