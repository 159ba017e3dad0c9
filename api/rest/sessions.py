"""Login sessions: one's own, and everybody's for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from api.rest.body import JSONBody
from api.rest.operation import Access, Operation, answer
from api.rest.path_variables import identifier
from api.rest.shapes import Label, Revoked, Session, Sessions, session_shape
from services.accounts.permissions import Action

if TYPE_CHECKING:
    from api.rest.operation import AnyOperation, Call
    from services.accounts.service import Accounts
    from sessions.login_session import Reason
    from sessions.login_sessions import LoginSessions


class SessionName(Struct, forbid_unknown_fields=True):
    name: Label


class SessionRoutes:
    def __init__(self, accounts: Accounts, sessions: LoginSessions) -> None:
        self._accounts = accounts
        self._sessions = sessions

    def operations(self) -> tuple[AnyOperation, ...]:
        return self._own() + self._ends_of_own() + self._anybodys()

    def _own(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listSessions",
                method="GET",
                path="/v1/sessions",
                summary="One's live sessions, newest first.",
                handler=self.list_own,
                action=Action.SESSION_LIST,
                answers={200: Sessions},
            ),
            Operation(
                id="renameSession",
                method="PATCH",
                path="/v1/sessions/{sid}",
                summary="Give a session another name.",
                handler=self.rename,
                body=JSONBody(SessionName),
                action=Action.SESSION_RENAME,
                answers={200: Session},
                problems=(404,),
            ),
        )

    def _ends_of_own(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="revokeSession",
                method="DELETE",
                path="/v1/sessions/{sid}",
                summary="End a session and its connections.",
                handler=self.revoke,
                action=Action.SESSION_REVOKE,
                answers={204: None},
                problems=(404,),
            ),
            Operation(
                id="revokeOtherSessions",
                method="POST",
                path="/v1/sessions/revoke-others",
                summary="End all of one's sessions but this one.",
                handler=self.revoke_others,
                action=Action.SESSION_REVOKE,
                answers={200: Revoked},
            ),
            Operation(
                id="revokeAllSessions",
                method="POST",
                path="/v1/sessions/revoke-all",
                summary="End all of one's sessions, this one too.",
                handler=self.revoke_all,
                action=Action.SESSION_REVOKE,
                answers={200: Revoked},
            ),
        )

    def _anybodys(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listUserSessions",
                method="GET",
                path="/v1/users/{id}/sessions",
                summary="A user's live sessions.",
                handler=self.list_of_user,
                access=Access.ANYBODYS,
                action=Action.SESSION_LIST,
                answers={200: Sessions},
                problems=(404,),
            ),
            Operation(
                id="revokeUserSession",
                method="DELETE",
                path="/v1/users/{id}/sessions/{sid}",
                summary="End a user's session.",
                handler=self.revoke_of_user,
                access=Access.ANYBODYS,
                action=Action.SESSION_REVOKE,
                answers={204: None},
                problems=(404,),
            ),
            Operation(
                id="revokeAllUserSessions",
                method="POST",
                path="/v1/users/{id}/sessions/revoke-all",
                summary="End all sessions of a user.",
                handler=self.revoke_all_of_user,
                access=Access.ANYBODYS,
                action=Action.SESSION_REVOKE,
                answers={200: Revoked},
                problems=(404,),
            ),
        )

    # --- one's own --------------------------------------------------------------------------------------------------

    async def list_own(self, call: Call[None, None]) -> web.Response:
        return await self._list(call.caller.user, call.caller.sid)

    async def rename(self, call: Call[SessionName, None]) -> web.Response:
        me = call.caller
        session = await self._sessions.rename(me.user, identifier(call, "sid"), call.body.name, actor=me.user)
        connections = {listed.id: count for listed, count in await self._sessions.list(me.user)}
        return answer(session_shape(session, connections=connections.get(session.id, 0), current_sid=me.sid))

    async def revoke(self, call: Call[None, None]) -> web.Response:
        """Ending the session one is in is logging out."""
        me, sid = call.caller, identifier(call, "sid")
        reason: Reason = "logout" if sid == me.sid else "revoked"
        await self._sessions.revoke(me.user, sid, reason, actor=me.user, address=call.address)
        return web.Response(status=204)

    async def revoke_others(self, call: Call[None, None]) -> web.Response:
        me = call.caller
        count = await self._sessions.revoke_others(me.user, me.sid, "revoked", actor=me.user, address=call.address)
        return answer(Revoked(count))

    async def revoke_all(self, call: Call[None, None]) -> web.Response:
        me = call.caller
        return answer(Revoked(await self._sessions.revoke_all(me.user, "revoked", actor=me.user, address=call.address)))

    # --- everybody's ------------------------------------------------------------------------------------------------

    async def list_of_user(self, call: Call[None, None]) -> web.Response:
        return await self._list(await self._known_user(call), call.caller.sid)

    async def revoke_of_user(self, call: Call[None, None]) -> web.Response:
        sid = identifier(call, "sid")
        await self._sessions.revoke(
            identifier(call, "id"), sid, "administrator", actor=call.caller.user, address=call.address
        )
        return web.Response(status=204)

    async def revoke_all_of_user(self, call: Call[None, None]) -> web.Response:
        user = await self._known_user(call)
        count = await self._sessions.revoke_all(user, "administrator", actor=call.caller.user, address=call.address)
        return answer(Revoked(count))

    async def _known_user(self, call: Call[None, None]) -> str:
        """The user of the path; NOT_FOUND when there is none. The audit trail tells who has looked."""
        user = await self._accounts.read_user(call.caller, identifier(call, "id"), address=call.address)
        return user.id

    async def _list(self, user: str, current_sid: str) -> web.Response:
        listed = await self._sessions.list(user)
        shapes = [session_shape(each, connections=count, current_sid=current_sid) for each, count in listed]
        return answer(Sessions(shapes))
