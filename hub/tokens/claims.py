"""What a verified token says, as values, and how a token fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import UNSET

from hub.protocol.messages import OptionalRaw


class TokenError(Exception):
    """The token gives its bearer nothing. The text is a reason for logs: it never quotes the token."""


class TokenExpired(TokenError):
    """Genuine, but not at this time: `exp` has passed, or `nbf` has not come. A new token may help.

    A token from the future counts as expired because Centrifugo answers both with error 109: a backend's clock that
    runs a second ahead then costs its clients a retry, where "invalid" would turn them away for good.
    """


class TokenInvalid(TokenError):
    """Forged, malformed, or meant for somebody else. The same token will never be accepted."""


class KeysUnavailable(Exception):
    """Neither accepted nor refused: the key set that could tell cannot be had right now. Retryable."""


@dataclass(frozen=True, slots=True)
class Override:
    """Channel options that the token sets for one subscription; None leaves the namespace's."""

    presence: bool | None = None
    join_leave: bool | None = None
    force_push_join_leave: bool | None = None
    force_positioning: bool | None = None
    force_recovery: bool | None = None


@dataclass(frozen=True, slots=True)
class TokenSubscription:
    """A server-side subscription that a connection token asks for."""

    info: OptionalRaw = UNSET
    data: OptionalRaw = UNSET
    override: Override | None = None


@dataclass(frozen=True, slots=True)
class SessionRef:
    """The login session that a token of our own was issued for, the device it is on, and what its user may do.

    `issued_s` is the wall-clock second at which the token said so.
    """

    sid: str
    did: str
    roles: frozenset[str] = frozenset()
    issued_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ConnectClaims:
    """A connection token. Shared by all connections that presented it: do not change what is inside.

    `user` is "" for an anonymous token. `expire_at_s` is the wall-clock second at which the connection needs a new
    token, 0 for never; it may have passed already when the token sets it apart from `exp`. `subs` merges `channels`
    and `subs`. Channel names are as the token has them, not yet checked against the configuration. `session` is None
    for tokens that others have issued.
    """

    user: str
    expire_at_s: float
    info: OptionalRaw
    subs: Mapping[str, TokenSubscription]
    meta: Mapping[str, object] | None
    session: SessionRef | None = None


@dataclass(frozen=True, slots=True)
class SubscribeClaims:
    """A subscription token; `user`, `channel` and a non-empty `client` are for the caller to compare."""

    user: str
    channel: str
    client: str
    expire_at_s: float
    info: OptionalRaw
    data: OptionalRaw
    override: Override | None
