"""What requests and answers look like: docs/sessions.md section 3, member by member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

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


class Session(Struct):
    """One login session; `connections` are live ones on all nodes, `current` is the caller's own."""

    id: str
    device_id: str
    name: str
    platform: str
    address: str
    method: str
    created_at: int
    last_seen_at: int
    expires_at: int
    connections: int
    current: bool


class Sessions(Struct):
    sessions: list[Session]


class Revoked(Struct):
    revoked: int


class UserAccount(Struct):
    id: str
    email: str
    name: str
    role: Literal["CUSTOMER", "VENDOR", "ADMIN"]
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
    session: Session
    user: UserAccount
    refresh_token: str | UnsetType = UNSET


def session_shape(session: LoginSession, *, connections: int, current_sid: str) -> Session:
    return Session(
        id=session.id,
        device_id=session.device_id,
        name=session.name,
        platform=session.platform,
        address=session.address,
        method=session.method,
        created_at=session.created_ms,
        last_seen_at=session.last_seen_ms,
        expires_at=session.expires_ms,
        connections=connections,
        current=session.id == current_sid,
    )


def user_shape(user: User) -> UserAccount:
    return UserAccount(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role.value,
        status=user.status.value,
        created_at=user.created_ms,
    )
