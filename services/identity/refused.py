"""How a provider's token fails."""

from __future__ import annotations

import enum

from sessions.refusal import Kind, Refusal


class Fault(enum.Enum):
    """What is wrong; the values are the error codes of RFC 8935 section 2.4."""

    MALFORMED = "invalid_request"
    KEY = "invalid_key"
    ISSUER = "invalid_issuer"
    AUDIENCE = "invalid_audience"
    AUTHENTICATION = "authentication_failed"
    ACCESS = "access_denied"


class TokenRefused(Refusal):
    """The token gives nothing and the same one never will; nothing was done. 400 to whoever sent it.

    A key set that cannot be had is not this: `hub.tokens.claims.KeysUnavailable` says "ask again".

    Attributes:
        fault: `fault.value` is `err` in RFC 8935, `error` of a back-channel logout is always `invalid_request`.
        detail: the reason, for the provider and for logs. It never quotes the token.
    """

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(Kind.INVALID, fault.value, detail)
        self.fault = fault
