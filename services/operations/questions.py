"""What nodes ask each other for operations: kinds of survey questions, and what they are about."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

NODE: Final = "ops.node"
CONNECTIONS: Final = "ops.connections"
RELAYS: Final = "ops.relays"
TRACES: Final = "ops.traces"
TRACE: Final = "ops.trace"
LOGS: Final = "ops.logs"
WATCHED: Final = "ops.watched"

MAX_CONNECTIONS: Final = 500
"""That one node lists, whatever it was asked for; how many there are it tells all the same."""

MAX_TRACES: Final = 1_000
MAX_LINES: Final = 1_000
PER_CHUNK: Final = 100
"""Entries of one message between nodes, some 100 KB; other work of the loop runs between two of them."""


class ConnectionsWanted(Struct, frozen=True):
    """Which connections: those whose values begin with what is given; "" is every one."""

    user: str = ""
    device: str = ""
    session: str = ""
    client: str = ""
    node: str = ""
    """Uid or name of the node, whole."""
    limit: int = MAX_CONNECTIONS


class LinesWanted(Struct, frozen=True):
    level: str = ""
    text: str = ""
    node: str = ""
    limit: int = MAX_LINES
