"""What is logged as an error, told to Sentry: masked, a few a minute, under the id of the trace it happened in.

No integration of the SDK is used and nothing of Python is patched: a handler of the log makes the events and gives them
to a client of our own, which keeps no scope, neither per connection nor per request (docs/adr/0042-error-reports.md).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from hub.log_context import WHO
from hub.rate_limit import Bucket, Rate
from hub.tracing import CURRENT, UNSAMPLED
from observability.log_events import RECORD_MEMBERS
from observability.logging import HostileRequests
from observability.masking import mask_event, mask_text

if TYPE_CHECKING:
    from hub.clock import Clock

ORDINARY_ENDS: Final = (asyncio.CancelledError, ConnectionResetError, BrokenPipeError)
"""How peers leave and tasks end: nobody's mistake. aiohttp's ClientConnectionResetError is one of these."""

MAX_BURST: Final = 10
"""At once; making an event takes milliseconds of the loop."""

_OWN_LOGGERS: Final = ("sentry_sdk", "urllib3", "opentelemetry")
"""What the SDKs say of reports and spans that could not be sent must not become a report."""

_SESSION, _CLIENT = "session", "client"


class Reporter(Protocol):
    """Sends events, in a thread of its own. Never waits, and never fails."""

    @property
    def num_sent(self) -> int:
        """What Sentry has accepted."""

    @property
    def num_lost(self) -> int:
        """What it has not: no answer, a refusal, or too many waiting."""

    def send(self, event: dict[str, Any], exc: BaseException | None) -> None: ...

    def close(self, deadline_s: float) -> None:
        """Send what waits. Blocks, for no longer than that."""


class ErrorReports(logging.Handler):
    """Attach it to the root logger. Called from any thread, under the handler's lock.

    Args:
        node: the name of this node.

    Attributes:
        num_over: errors beyond what may be reported in a minute.
    """

    def __init__(self, reporter: Reporter, node: str, clock: Clock, max_per_minute: int) -> None:
        super().__init__(logging.ERROR)
        self._reporter = reporter
        self._node = node
        self._clock = clock
        burst = min(max_per_minute, MAX_BURST)
        self._bucket = Bucket(Rate((max_per_minute - burst + 1) / 60, burst))  # any minute holds no more than allowed
        self.num_over = self.num_failed = 0
        self.addFilter(HostileRequests())

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.name.startswith(_OWN_LOGGERS) or isinstance(error, ORDINARY_ENDS):
            return
        if not self._bucket.take(self._clock.monotonic_s()):
            self.num_over += 1
            return
        try:
            self._reporter.send(event_of(record, self._node), error)
        except Exception:  # noqa: BLE001  # a fault of the SDK's ends nothing of ours; the line is in the log
            self.num_failed += 1

    def measures(self) -> dict[str, float]:
        return {
            "error_reports_sent": self._reporter.num_sent,
            "error_reports_dropped": self.num_over + self.num_failed + self._reporter.num_lost,
        }


def event_of(record: logging.LogRecord, node: str) -> dict[str, Any]:
    """The event for one line of the log, without its exception."""
    details = {name: value for name, value in vars(record).items() if name not in RECORD_MEMBERS}
    who = WHO.get()
    session, client = who.session or details.get(_SESSION), who.client or details.get(_CLIENT)
    tags = {"node": node, _SESSION: session, _CLIENT: client}
    event: dict[str, Any] = {
        "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
        "logger": record.name,
        "logentry": {"message": mask_text(record.getMessage())},
        "tags": {name: value for name, value in tags.items() if value},
        "extra": mask_event(details),
    }
    trace = CURRENT.get()
    if trace is not None and trace.trace_id != UNSAMPLED.trace_id:
        event["contexts"] = {"trace": {"trace_id": trace.trace_id, "span_id": trace.span_id}}
    return event
