"""The one way in which sessions and services say no: `api` makes it a problem document, `sessions.rpc` an error reply.

What is nobody's fault is not a Refusal: `storage.database.StorageUnavailable`, `hub.errors.EngineUnavailable`.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class Kind(enum.Enum):
    """What sort of no. The value is the HTTP status."""

    INVALID = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    PRECONDITION = 412
    TOO_LARGE = 413
    REUSED = 422
    LIMITED = 429


class Refusal(Exception):
    """The caller asked for something it cannot have; nothing of it was done.

    Attributes:
        code: stable, one of docs/sessions.md section 1: what programs look at.
        detail: a sentence for people. It goes to the client: no secrets, nothing about other users.
        field: dotted path of the offending member, "" when there is none.
        retry_after_s: when the same may succeed, 0 when that is not known.
        extra: members that the answer has beside those, as values that JSON knows.
    """

    def __init__(
        self,
        kind: Kind,
        code: str,
        detail: str = "",
        field: str = "",
        retry_after_s: float = 0,
        extra: Mapping[str, object] = _NOTHING,
    ) -> None:
        super().__init__(f"{kind.value} {code} {field}".rstrip())
        self.kind = kind
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.extra = extra
