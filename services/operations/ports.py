"""What operations ask of the node they run on: implemented by observability and composition, never called by name.

Nothing here waits, apart from dead letters, which are kept by a broker. Event-loop thread only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from hub.relay.dead_letters import DeadLetters
    from services.operations.views import LogLine, RelayView, SettingView, SpanView, TraceSummary

NodeHealth = Callable[[], Awaitable[Mapping[str, Any]]]
"""What `/readyz` of this node says, in full. It has a deadline of its own."""


class TraceStore(Protocol):
    """The traces that this node has made spans of, as far as they are kept in memory."""

    @property
    def is_enabled(self) -> bool:
        """Whether traces are followed at all."""

    def recent(self, limit: int) -> list[TraceSummary]:
        """The newest ones, newest first. Each tells what this node has seen: `nodes` is this node's name alone."""

    def spans(self, trace_id: str) -> list[SpanView]:
        """This node's spans of one trace, by start; none when it is not known here."""

    def take_changed(self) -> list[TraceSummary]:
        """The summaries that are new or have changed since the last call; what was too much is left out."""


class LogStore(Protocol):
    """The lines that this node has written, as far as they are kept in memory; masked. `node` may be left empty."""

    def find(self, *, level: str, text: str, limit: int) -> list[LogLine]:
        """Newest first.

        Args:
            level: the least severe one that is wanted, "" for all.
            text: what a line must contain somewhere, in any case; "" for all.
        """

    def take_new(self) -> tuple[list[LogLine], int]:
        """What was written since the last call, oldest first, and how many lines were left out before it."""


class RelayReader(Protocol):
    def relays(self) -> list[RelayView]:
        """The sources, the outbox and the sinks of this node."""


class DeadLetterOffice(Protocol):
    """The dead letters of the configured consumers, by name."""

    def has(self, consumer: str) -> bool:
        """Whether there is a consumer of this name that keeps dead letters."""

    def open(self, consumer: str) -> AbstractAsyncContextManager[DeadLetters]:
        """For as long as the block runs. Entering it may raise ModuleNotFoundError: the carrier's driver."""


class SettingsReader(Protocol):
    def settings(self) -> list[SettingView]:
        """Every option as it is in force, secrets masked."""
