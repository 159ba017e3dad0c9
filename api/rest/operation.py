"""One route, as a value: what OpenAPI is made from, and what `api.rest.application` serves."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from aiohttp import web

from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from api.rest.body import Body
    from services.accounts.permissions import Action
    from sessions.principal import Principal

B = TypeVar("B")
Q = TypeVar("Q")

_ENCODER = msgspec.json.Encoder()


class Access(enum.Enum):
    """Who may call."""

    PUBLIC = "public"
    """Anybody; the operation looks for itself at what it is given."""
    OWNER = "owner"
    """Whoever has a valid access token and a role that allows the action with one's own things."""
    ANYBODYS = "anybodys"
    """Whoever's role allows the action with everybody's things: administrators."""


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One request on its way to a handler.

    Attributes:
        body, query: decoded; None where the operation takes none.
        address: the client's.
        principal: who it acts for; None on public operations.
    """

    request: web.Request
    body: B
    query: Q
    address: str
    principal: Principal | None = None

    @property
    def caller(self) -> Principal:
        """Who it acts for.

        Raises:
            Refusal: UNAUTHORIZED, on an operation that is public.
        """
        if self.principal is None:
            raise Refusal(Kind.UNAUTHORIZED, "unauthorized")
        return self.principal

    def path(self, name: str) -> str:
        """A variable of the path, decoded; anything may be in it."""
        return self.request.match_info[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[B, Q]):
    """One route.

    Attributes:
        id: stable; client generators name functions after it.
        path: whole, with `{variables}`.
        body, query: what is taken; None for nothing, and then a query is refused and a body not read.
        answers: the successful statuses and what they carry, None for no JSON of ours.
        problems: the statuses of problem documents, apart from those that any operation can have.
        action: what the caller's roles must allow (services.accounts.permissions); None on public operations alone.
        is_internal: it answers on the internal port alone, where there is one.
    """

    id: str
    method: str
    path: str
    summary: str
    handler: Callable[[Call[B, Q]], Awaitable[web.Response]]
    body: Body[B] | None = None
    query: type[Q] | None = None
    access: Access = Access.OWNER
    action: Action | None = None
    answers: Mapping[int, Any] = field(default_factory=lambda: {200: None})
    problems: tuple[int, ...] = ()
    is_internal: bool = False


AnyOperation = Operation[Any, Any]


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A value as JSON."""
    body = _ENCODER.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
