"""Users, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, Struct, UnsetType

from api.rest.body import JSONBody
from api.rest.operation import Access, Operation, answer
from api.rest.path_variables import identifier
from api.rest.shapes import Cursor, PageSize, UserAccount, UserPage, user_shape
from services.accounts.permissions import Action
from services.accounts.user import Role, Status

if TYPE_CHECKING:
    from aiohttp import web

    from api.rest.operation import AnyOperation, Call
    from services.accounts.service import Accounts


class Page(Struct, forbid_unknown_fields=True):
    cursor: Cursor = ""
    limit: PageSize = 50


class UserChange(Struct, forbid_unknown_fields=True):
    role: Literal["CUSTOMER", "VENDOR", "OPS", "ADMIN"] | UnsetType = UNSET
    status: Literal["active", "disabled"] | UnsetType = UNSET


class UserRoutes:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listUsers",
                method="GET",
                path="/v1/users",
                summary="All users, a page at a time.",
                handler=self.list_page,
                query=Page,
                access=Access.ANYBODYS,
                action=Action.USER_LIST,
                answers={200: UserPage},
            ),
            Operation(
                id="getUser",
                method="GET",
                path="/v1/users/{id}",
                summary="One user.",
                handler=self.get,
                access=Access.ANYBODYS,
                action=Action.USER_READ,
                answers={200: UserAccount},
                problems=(404,),
            ),
            Operation(
                id="updateUser",
                method="PATCH",
                path="/v1/users/{id}",
                summary="Change a user's role or status; `disabled` ends all sessions.",
                handler=self.update,
                body=JSONBody(UserChange),
                access=Access.ANYBODYS,
                action=Action.USER_READ,
                answers={200: UserAccount},
                problems=(404, 409),
            ),
        )

    async def list_page(self, call: Call[None, Page]) -> web.Response:
        query = call.query
        page = await self._accounts.list_users(call.caller, query.cursor, query.limit, address=call.address)
        return answer(UserPage([user_shape(user) for user in page.users], page.next_cursor or UNSET))

    async def get(self, call: Call[None, None]) -> web.Response:
        user = await self._accounts.read_user(call.caller, identifier(call, "id"), address=call.address)
        return answer(user_shape(user))

    async def update(self, call: Call[UserChange, None]) -> web.Response:
        change = call.body
        user = await self._accounts.change_user(
            call.caller,
            identifier(call, "id"),
            role=None if change.role is UNSET else Role(change.role),
            status=None if change.status is UNSET else Status(change.status),
            address=call.address,
        )
        return answer(user_shape(user))
