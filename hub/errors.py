"""Failures, split by who must act on them.

HubError
├── ReplyError          the peer asked for something it cannot have: answered on its command, the connection goes on
├── Disconnected        the peer broke the protocol or lost its right: the connection ends with this code
└── EngineUnavailable   a dependency gave no answer in its deadline: retryable, cause chained

A fault of our own is an ordinary exception: it is logged with its stack and answered as error 100.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.protocol.codes import Disconnect, ErrorCode


class HubError(Exception):
    """Root of the hub's own failures; never raised bare."""


class ReplyError(HubError):
    """The command fails with this error code; nothing else about the connection changes."""

    def __init__(self, error: ErrorCode) -> None:
        super().__init__(f"{error.code} {error.message}")
        self.error = error


class Disconnected(HubError):
    """The connection must be closed with this code; raised by command handlers, applied by the connection."""

    def __init__(self, disconnect: Disconnect) -> None:
        super().__init__(f"{disconnect.code} {disconnect.reason}")
        self.disconnect = disconnect


class EngineUnavailable(HubError):
    """The engine gave no answer in time; whether a write took effect is unknown. Retry with the same key."""
