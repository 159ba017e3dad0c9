"""Variables of paths: anything may stand there, and what cannot name a thing is a thing that is not found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from api.rest.operation import Call

_IDENTIFIER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def identifier(call: Call[Any, Any], name: str) -> str:
    """The id of a user or a session.

    Raises:
        Refusal: NOT_FOUND `not_found`.
    """
    text = call.path(name)
    if _IDENTIFIER.fullmatch(text) is None:
        raise Refusal(Kind.NOT_FOUND, "not_found")
    return text
