"""Every number a client can meet: reply errors, disconnects, unsubscribes.

The numbers are the Centrifuge protocol's and are API: they are never reused, and `docs/protocol.md` lists each of
them (tests/unit/hub/protocol/test_codes.py compares the two).
"""

from __future__ import annotations

from typing import Final, NamedTuple

# RFC 6455 section 5.5: a control frame carries at most 125 bytes, two of them the code.
MAX_CLOSE_REASON_BYTES: Final = 123

TERMINAL_CODES: Final = range(3500, 4000)
TERMINAL_APPLICATION_CODES: Final = range(4500, 5000)
CLOSE_CODES: Final = range(3001, 5000)
"""What a server of this protocol may close with (RFC 6455 section 7.4.2 leaves these to us).

Not 3000: it means that the peer went away, and nothing is written for it.
"""


class ErrorCode(NamedTuple):
    """The error of a reply. `temporary` tells the SDK that the same command may succeed later."""

    code: int
    message: str
    temporary: bool = False


class Disconnect(NamedTuple):
    """Why the server ends a connection; it travels as the WebSocket close code and reason.

    Codes 3500-3999 and 4500-4999 are terminal for every SDK, all others make it reconnect. The reason must be
    non-empty plain text that is not JSON, or the JavaScript SDK misreads a terminal close (docs/protocol.md, trap 1).
    """

    code: int
    reason: str

    @property
    def is_terminal(self) -> bool:
        """Whether SDKs give up instead of reconnecting."""
        return self.code in TERMINAL_CODES or self.code in TERMINAL_APPLICATION_CODES


class Unsubscribed(NamedTuple):
    """Why the server ends a subscription. From 2500 on, SDKs resubscribe and recover."""

    code: int
    reason: str


INTERNAL: Final = ErrorCode(100, "internal server error", temporary=True)
UNAUTHORIZED: Final = ErrorCode(101, "unauthorized")
UNKNOWN_CHANNEL: Final = ErrorCode(102, "unknown channel")
PERMISSION_DENIED: Final = ErrorCode(103, "permission denied")
METHOD_NOT_FOUND: Final = ErrorCode(104, "method not found")
ALREADY_SUBSCRIBED: Final = ErrorCode(105, "already subscribed")
LIMIT_EXCEEDED: Final = ErrorCode(106, "limit exceeded")
BAD_REQUEST: Final = ErrorCode(107, "bad request")
NOT_AVAILABLE: Final = ErrorCode(108, "not available")
TOKEN_EXPIRED: Final = ErrorCode(109, "token expired")
EXPIRED: Final = ErrorCode(110, "expired")
TOO_MANY_REQUESTS: Final = ErrorCode(111, "too many requests", temporary=True)
UNRECOVERABLE_POSITION: Final = ErrorCode(112, "unrecoverable position")

ERROR_CODES: Final = (
    INTERNAL,
    UNAUTHORIZED,
    UNKNOWN_CHANNEL,
    PERMISSION_DENIED,
    METHOD_NOT_FOUND,
    ALREADY_SUBSCRIBED,
    LIMIT_EXCEEDED,
    BAD_REQUEST,
    NOT_AVAILABLE,
    TOKEN_EXPIRED,
    EXPIRED,
    TOO_MANY_REQUESTS,
    UNRECOVERABLE_POSITION,
)

CONNECTION_CLOSED: Final = Disconnect(3000, "connection closed")
SHUTDOWN: Final = Disconnect(3001, "shutdown")
SERVER_ERROR: Final = Disconnect(3004, "internal server error")
CONNECTION_EXPIRED: Final = Disconnect(3005, "connection expired")
SUBSCRIPTION_EXPIRED: Final = Disconnect(3006, "subscription expired")
SLOW: Final = Disconnect(3008, "slow")
WRITE_ERROR: Final = Disconnect(3009, "write error")
INSUFFICIENT_STATE: Final = Disconnect(3010, "insufficient state")
FORCE_RECONNECT: Final = Disconnect(3011, "force reconnect")
NO_PONG: Final = Disconnect(3012, "no pong")
TOO_MANY_REQUESTS_DISCONNECT: Final = Disconnect(3013, "too many requests")
STATE_INVALIDATED: Final = Disconnect(3014, "state invalidated")
INVALID_TOKEN: Final = Disconnect(3500, "invalid token")
BAD_REQUEST_DISCONNECT: Final = Disconnect(3501, "bad request")
STALE: Final = Disconnect(3502, "stale")
FORCE_DISCONNECT: Final = Disconnect(3503, "force disconnect")
CONNECTION_LIMIT: Final = Disconnect(3504, "connection limit")
CHANNEL_LIMIT: Final = Disconnect(3505, "channel limit")
INAPPROPRIATE_PROTOCOL: Final = Disconnect(3506, "inappropriate protocol")
PERMISSION_DENIED_DISCONNECT: Final = Disconnect(3507, "permission denied")
NOT_AVAILABLE_DISCONNECT: Final = Disconnect(3508, "not available")
TOO_MANY_ERRORS: Final = Disconnect(3509, "too many errors")
SESSION_REVOKED: Final = Disconnect(3590, "session revoked")
"""Not Centrifugo's: the login session behind the connection has ended. Terminal: the user has to log in again."""

DISCONNECTS: Final = (
    CONNECTION_CLOSED,
    SHUTDOWN,
    SERVER_ERROR,
    CONNECTION_EXPIRED,
    SUBSCRIPTION_EXPIRED,
    SLOW,
    WRITE_ERROR,
    INSUFFICIENT_STATE,
    FORCE_RECONNECT,
    NO_PONG,
    TOO_MANY_REQUESTS_DISCONNECT,
    STATE_INVALIDATED,
    INVALID_TOKEN,
    BAD_REQUEST_DISCONNECT,
    STALE,
    FORCE_DISCONNECT,
    CONNECTION_LIMIT,
    CHANNEL_LIMIT,
    INAPPROPRIATE_PROTOCOL,
    PERMISSION_DENIED_DISCONNECT,
    NOT_AVAILABLE_DISCONNECT,
    TOO_MANY_ERRORS,
    SESSION_REVOKED,
)

SERVER_UNSUBSCRIBE: Final = Unsubscribed(2000, "server unsubscribe")
UNSUBSCRIBED_INSUFFICIENT_STATE: Final = Unsubscribed(2500, "insufficient state")
UNSUBSCRIBED_EXPIRED: Final = Unsubscribed(2501, "subscription expired")
UNSUBSCRIBED_STATE_INVALIDATED: Final = Unsubscribed(2502, "state invalidated")

UNSUBSCRIBES: Final = (
    SERVER_UNSUBSCRIBE,
    UNSUBSCRIBED_INSUFFICIENT_STATE,
    UNSUBSCRIBED_EXPIRED,
    UNSUBSCRIBED_STATE_INVALIDATED,
)
