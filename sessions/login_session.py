"""A login session and what opening one gives, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal[
    "logout",
    "revoked",
    "password_changed",
    "refresh_reused",
    "administrator",
    "disabled",
    "session_limit",
    "expired",
    "identity_provider",
]
"""Why a session has ended (docs/sessions.md section 5)."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """An installation of a frontend, as it describes itself; checked by whoever reads the request."""

    id: str
    name: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """One login on one device. `issuer`, `idp_subject` and `idp_sid` name the identity provider's session, or are "".

    Attributes:
        address: where it was last refreshed from.
        method: how the user proved who it is, such as `password`.
        expires_ms: when it ends unless it is refreshed before; the end of its longest life is the limit of that.
        revoked_ms: when it ended before that; None while it lives.
    """

    id: str
    user_id: str
    device_id: str
    name: str
    platform: str
    address: str
    method: str
    issuer: str
    idp_subject: str
    idp_sid: str
    roles: frozenset[str]
    created_ms: int
    last_seen_ms: int
    expires_ms: int
    revoked_ms: int | None = None
    revoked_reason: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a frontend gets at log-in and at each refresh. Neither token is ever logged."""

    access_token: str = field(repr=False)
    expires_in_s: int
    refresh_token: str = field(repr=False)
    session: LoginSession
