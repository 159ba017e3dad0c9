"""How a call to a server fails, and what that says about whether it was carried out."""

from __future__ import annotations

from typing import Final

from hub.errors import EngineUnavailable

NOT_EXECUTED: Final = frozenset(
    {
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MOVED",
        "NOREPLICAS",
        "NOSCRIPT",
        "READONLY",
        "TRYAGAIN",
        "UNBLOCKED",
    }
)
"""First words of error replies that say: nothing was done, ask again later or elsewhere."""


class LinkLost(EngineUnavailable):
    """The connection ended before the answer came: whether the command was carried out is unknown."""


class LinkFull(EngineUnavailable):
    """Too much is waiting for an answer or to be sent. Nothing was sent."""


class ServerError(Exception):
    """The server answered with an error.

    Attributes:
        word: its first word, in capitals: NOPERM, MOVED, ERR.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.word = message.partition(" ")[0]

    @property
    def is_not_executed(self) -> bool:
        return self.word in NOT_EXECUTED
