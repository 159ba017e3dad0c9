"""What requests and answers look like: docs/sessions.md section 3, member by member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, convert

from sessions.session_view import describe, describe_in_list

if TYPE_CHECKING:
    from services.accounts.user import User
    from sessions.login_session import LoginSession

END = r"$(?!\n)"
"""The end of a text, in the dialects of both Python and JSON Schema: alone, Python's `$` lets one line feed follow."""

PRINTABLE = rf"^[^\x00-\x1f\x7f]*{END}"

DeviceId = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{16,64}}{END}")]
Label = Annotated[str, Meta(max_length=64, pattern=PRINTABLE)]
Email = Annotated[str, Meta(max_length=320, pattern=PRINTABLE)]
Password = Annotated[str, Meta(max_length=1024, pattern=rf"^[^\x00]*{END}")]
"""Far more than accounts take: they say what a good password is, this only what may reach them."""
Token = Annotated[str, Meta(max_length=8192, pattern=rf"^[\x21-\x7e]*{END}")]
Cursor = Annotated[str, Meta(max_length=128, pattern=rf"^[A-Za-z0-9_-]*{END}")]
PageSize = Annotated[int, Meta(ge=1, le=200)]
Mode = Literal["cookie", "token"]


class Nothing(Struct):
    """An object without members."""


class Device(Struct, forbid_unknown_fields=True):
    id: DeviceId
    name: Label = ""
    platform: Label = ""


class OwnSession(Struct):
    """The login session that tokens are issued for; nobody asks the engine for its connections then."""

    id: str
    device_id: str
    name: str
    platform: str
    address: str
    method: str
    created_at: int
    last_seen_at: int
    expires_at: int
    current: bool


class Session(OwnSession):
    """One login session of a list; `connections` are live ones on all nodes, `current` is the caller's own."""

    connections: int


class Sessions(Struct):
    sessions: list[Session]


class Revoked(Struct):
    revoked: int


class UserAccount(Struct):
    id: str
    email: str
    name: str
    role: Literal["CUSTOMER", "VENDOR", "OPS", "ADMIN"]
    status: Literal["active", "disabled"]
    created_at: int


class UserPage(Struct):
    users: list[UserAccount]
    next_cursor: str | UnsetType = UNSET


class IssuedTokens(Struct):
    """The refresh token is in the body in token mode only; in cookie mode scripts never see it."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    session: OwnSession
    user: UserAccount
    refresh_token: str | UnsetType = UNSET


def session_shape(session: LoginSession, *, connections: int, current_sid: str) -> Session:
    return convert(describe_in_list(session, connections, current_sid), Session)


def own_session_shape(session: LoginSession) -> OwnSession:
    return convert(describe(session) | {"current": True}, OwnSession)


def user_shape(user: User) -> UserAccount:
    return UserAccount(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role.value,
        status=user.status.value,
        created_at=user.created_ms,
    )
