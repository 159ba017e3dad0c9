"""Whom a task works for, as the log tells it beside every line. Pure; who writes logs reads it there."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, NamedTuple


class Who(NamedTuple):
    """Identifiers; "" for what is not known."""

    user: str = ""
    session: str = ""
    client: str = ""


NOBODY: Final = Who()

WHO: ContextVar[Who] = ContextVar("who", default=NOBODY)
"""Set once in the task that handles a connection, when that is identified, and by REST for each request.

A connection's task ends with it. Whoever sets it in a task that goes on resets it.
"""
