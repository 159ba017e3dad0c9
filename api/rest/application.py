"""Serves operations: the checks that every request passes before its handler, in one order for all of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from api.rest.bearer import principal_of, refuse_token_in_url
from api.rest.body import BODY_DEADLINE_S, BodyUnreadable, NoParameters, decode_query, read_body
from api.rest.client_address import ClientAddresses
from api.rest.cors import add_cors_headers, is_preflight, preflight_answer
from api.rest.operation import Access, Call
from api.rest.problem import problem_of
from api.rest.rate_limits import RateExceeded, RateLimits
from hub.log_context import NOBODY, WHO, Who
from services.accounts.permissions import require

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp.typedefs import Handler, Middleware

    from api.config import RestConfig
    from api.rest.bearer import Authenticator
    from api.rest.operation import AnyOperation
    from api.rest.pages import Pages
    from hub.clock import Clock
    from services.accounts.permissions import Action
    from sessions.principal import Principal

    Authorise = Callable[[Principal, Action], Awaitable[None]]

logger = logging.getLogger(__name__)

REQUEST_DEADLINE_S: Final = BODY_DEADLINE_S + 10.0
"""Above every deadline of what handlers call: only a fault of ours reaches it. It is answered as 503."""

HSTS: Final = "max-age=31536000; includeSubDomains"

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_RATE_HEADERS: Final = web.RequestKey("syncline.rate_headers", dict)


class RestApplication:
    """The operations of one node, ready to be mounted.

    Args:
        authorise: whether somebody may do this with everybody's things, by the role in the database.
    """

    def __init__(
        self,
        config: RestConfig,
        authenticator: Authenticator,
        authorise: Authorise,
        pages: Pages,
        clock: Clock,
        operations: Iterable[AnyOperation],
    ) -> None:
        self.operations = tuple(operations)
        self.limits = RateLimits(config, clock)
        self._addresses = ClientAddresses(config.trusted_proxies)
        self._authenticator = authenticator
        self._authorise = authorise
        self._pages = pages

    def mount(self, app: web.Application, *, has_internal: bool = True) -> None:
        """Add the operations to an application: one sub-application per first part of the paths.

        So a path below it that names no operation, or a method that it has not, gets a problem document too.

        Args:
            has_internal: those that are for the internal port too.
        """
        parts: dict[str, web.Application] = {}
        for operation in self.operations:
            if operation.is_internal and not has_internal:
                continue
            prefix, path = split_path(operation.path)
            part = parts.setdefault(prefix, web.Application(middlewares=[self._middleware()]))
            part.router.add_route(operation.method, path, self._handler(operation))
        for prefix, part in parts.items():
            app.add_subapp(prefix, part)

    # --- around every request ---------------------------------------------------------------------------------------

    def _middleware(self) -> Middleware:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if is_preflight(request):
                return self._finished(request, preflight_answer(request, self._pages))
            response = await self._answered(request, handler)
            add_cors_headers(request, response, self._pages)
            return self._finished(request, response)

        return middleware

    def _finished(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        for name, value in {**SECURITY_HEADERS, **request.get(_RATE_HEADERS, {})}.items():
            response.headers.setdefault(name, value)
        if self._addresses.is_https(request):
            response.headers["Strict-Transport-Security"] = HSTS
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The handler's answer, or the problem document for how it failed."""
        before = WHO.set(NOBODY)
        try:
            request[_RATE_HEADERS] = self.limits.take_for_address(self._addresses.of(request))
            refuse_token_in_url(request)
            async with asyncio.timeout(REQUEST_DEADLINE_S):
                return await handler(request)
        except ConnectionError:
            raise  # the client has gone: nobody reads a document
        except RateExceeded as exc:
            request[_RATE_HEADERS] = exc.headers
            return problem_of(exc)
        except BodyUnreadable as exc:
            response = problem_of(exc)
            response.force_close()
            return response
        except Exception as exc:  # noqa: BLE001  # every failure has its document, and is logged there
            return problem_of(exc)
        finally:
            WHO.reset(before)  # the same task handles the next request of this client

    # --- one operation ----------------------------------------------------------------------------------------------

    def _handler(self, operation: AnyOperation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            principal = await self._admitted(request, operation)
            query = decode_query(request, operation.query or NoParameters)
            body = None if operation.body is None else await read_body(request, operation.body)
            call: Call[Any, Any] = Call(request, body, query, self._addresses.of(request), principal)
            return await operation.handler(call)

        return handle

    async def _admitted(self, request: web.Request, operation: AnyOperation) -> Principal | None:
        """Who calls, once it is clear that this operation is for them; nothing of the body has been read by then."""
        if operation.access is Access.PUBLIC:
            return None
        principal = await principal_of(request, self._authenticator)
        WHO.set(Who(principal.user, principal.sid))
        request[_RATE_HEADERS] = self.limits.take_for_user(principal.user) or request[_RATE_HEADERS]
        assert operation.action is not None, f"{operation.id} names no action"
        if operation.access is Access.OWNER:
            require(principal, operation.action, principal.user)
        else:
            await self._authorise(principal, operation.action)
        return principal


def split_path(path: str) -> tuple[str, str]:
    """`/v1/sessions/{sid}` to `/v1` and `/sessions/{sid}`."""
    prefix, slash, rest = path[1:].partition("/")
    return f"/{prefix}", slash + rest
