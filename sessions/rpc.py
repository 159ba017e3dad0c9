"""`sessions.*` and `state.*` on a live connection: the operations of REST through the other door."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct

from hub.errors import ReplyError
from hub.protocol.codes import ErrorCode
from sessions.principal import Principal
from sessions.refusal import Kind, Refusal
from sessions.session_view import describe_in_list
from sessions.state.rpc import state_methods
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.commands.rpc import RPCCall, RPCHandler, RPCMethods
    from hub.protocol.messages import OptionalRaw
    from sessions.login_session import Reason
    from sessions.login_sessions import LoginSessions
    from sessions.state.documents import StateDocuments

    Method = Callable[[Principal, bytes], Awaitable[object]]

UNAVAILABLE: Final = ErrorCode(503, "unavailable", temporary=True)

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_Data = TypeVar("_Data", bound=Struct)


class Nothing(Struct, forbid_unknown_fields=True):
    pass


class OneSession(Struct, forbid_unknown_fields=True):
    sid: str


class NewName(Struct, forbid_unknown_fields=True):
    sid: str
    name: str


def register(methods: RPCMethods, sessions: LoginSessions, documents: StateDocuments) -> None:
    """Serve `sessions.*` and `state.*`. Once per hub."""
    for name, method in {**session_methods(sessions), **state_methods(documents)}.items():
        methods.register(name, serve(method))


def session_methods(sessions: LoginSessions) -> dict[str, Method]:
    """The methods by name: whom the connection acts for and the raw data of the call in, what is to be encoded out.

    They raise:
        Refusal, StorageUnavailable, EngineUnavailable
    """
    served = _SessionMethods(sessions)
    return {
        "sessions.list": served.list,
        "sessions.rename": served.rename,
        "sessions.revoke": served.revoke,
        "sessions.revoke_others": served.revoke_others,
        "sessions.revoke_all": served.revoke_all,
    }


class _SessionMethods:
    """The shapes are those of docs/sessions.md."""

    def __init__(self, sessions: LoginSessions) -> None:
        self._sessions = sessions

    async def list(self, principal: Principal, data: bytes) -> object:
        decode(Nothing, data)
        counted = await self._sessions.list(principal.user)
        return {"sessions": [describe_in_list(session, count, principal.sid) for session, count in counted]}

    async def rename(self, principal: Principal, data: bytes) -> object:
        wish = decode(NewName, data)
        user, sid = principal.user, require_id(wish.sid)
        session = await self._sessions.rename(user, sid, wish.name, actor=user)
        connections = {listed.id: count for listed, count in await self._sessions.list(user)}
        return describe_in_list(session, connections.get(sid, 0), principal.sid)

    async def revoke(self, principal: Principal, data: bytes) -> object:
        sid = require_id(decode(OneSession, data).sid)
        reason: Reason = "logout" if sid == principal.sid else "revoked"
        await self._sessions.revoke(principal.user, sid, reason, actor=principal.user)
        return {}

    async def revoke_others(self, principal: Principal, data: bytes) -> object:
        decode(Nothing, data)
        user, sid = principal.user, principal.sid
        return {"revoked": await self._sessions.revoke_others(user, sid, "revoked", actor=user)}

    async def revoke_all(self, principal: Principal, data: bytes) -> object:
        decode(Nothing, data)
        return {"revoked": await self._sessions.revoke_all(principal.user, "revoked", actor=principal.user)}


def serve(method: Method) -> RPCHandler:
    """The method for connections with a session."""

    async def handle(call: RPCCall) -> object:
        return await method(principal_of(call), data_of(call))

    return answering(handle)


def answering(handle: Callable[[RPCCall], Awaitable[object]]) -> RPCHandler:
    """What it answers, encoded; its refusals as protocol errors."""

    async def handler(call: RPCCall) -> OptionalRaw:
        try:
            answer = await handle(call)
        except Refusal as refusal:
            raise ReplyError(error_of(refusal)) from None
        except StorageUnavailable as exc:
            raise ReplyError(UNAVAILABLE) from exc
        return Raw(msgspec.json.encode(answer))

    return handler


def data_of(call: RPCCall) -> bytes:
    return b"{}" if call.data is UNSET else bytes(call.data)


def principal_of(call: RPCCall) -> Principal:
    """Whom a call acts for.

    Raises:
        Refusal: UNAUTHORIZED: it comes from a backend, or from a connection whose token is not ours.
    """
    connection = call.connection
    if connection is None or connection.session is None:
        raise Refusal(Kind.UNAUTHORIZED, "unauthorized")
    session = connection.session
    return Principal(connection.user, session.sid, session.did, session.roles)


def decode(data_type: type[_Data], data: bytes) -> _Data:
    """Raises Refusal INVALID."""
    try:
        return msgspec.json.decode(data, type=data_type)
    except msgspec.ValidationError as exc:
        raise Refusal(Kind.INVALID, "invalid_field", str(exc)) from None
    except msgspec.DecodeError:
        raise Refusal(Kind.INVALID, "invalid_json") from None


def require_id(text: str) -> str:
    """The id of a session; what cannot be one (no database takes NUL) is a session that is not found.

    Raises:
        Refusal: NOT_FOUND.
    """
    if _ID.fullmatch(text) is None:
        raise Refusal(Kind.NOT_FOUND, "not_found")
    return text


def error_of(refusal: Refusal) -> ErrorCode:
    """The protocol error that stands for a refusal: the HTTP status, and the code that programs look at."""
    return ErrorCode(refusal.kind.value, refusal.code, temporary=refusal.kind is Kind.LIMITED)
