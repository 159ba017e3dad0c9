"""The port of whoever follows single events: W3C trace contexts come in, spans go out. Pure; without a tracer the hub
does the same work, and nothing of this runs.

Whether a trace is followed is decided once, where it begins: by whoever published, or here, at random. So a context is
either sampled, and everything on its way makes spans, or it says that nobody shall begin a trace of their own.
Source: W3C Trace Context level 2.
"""

from __future__ import annotations

import enum
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Attribute = str | int | float | bool

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
"""What the two are called as HTTP header, AMQP header, CloudEvents extension, field of a stream and tag."""

MAX_TRACESTATE_CHARS: Final = 512
"""The least that the specification wants carried on; a longer one is dropped, which it allows."""

_SAMPLED: Final = 1

# A later version than 00 may append fields.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII
)


class TraceContext(NamedTuple):
    """Where in which trace something happens. Ids are hexadecimal, 32 and 16 digits."""

    trace_id: str
    span_id: str
    is_sampled: bool = True
    state: str = ""

    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


UNSAMPLED: Final = TraceContext("0" * 32, "0" * 16, is_sampled=False)
"""Nothing that happens in this context begins a trace."""


def parse_context(traceparent: str | None, tracestate: str | None = None) -> TraceContext | None:
    """What a publisher sent; None for nothing, and for what is not a context: a broken one is as none."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or (match[1] == "00" and match[5]):
        return None
    state = tracestate or ""
    if len(state) > MAX_TRACESTATE_CHARS or not state.isprintable():
        state = ""
    return TraceContext(match[2], match[3], bool(int(match[4], 16) & _SAMPLED), state)


CURRENT: ContextVar[TraceContext | None] = ContextVar("trace", default=None)
"""The context of what this task is doing; None: nobody has decided yet.

Whoever sets it resets it in the same task. A task that lives long and works for many (a connection's handler, a source)
must not keep one: it would become the parent of everything that follows.
"""


class Shared(NamedTuple):
    """Those for whom one piece of work is done: each of them that is followed has a span of it.

    Attributes:
        parents: their contexts, sampled ones only.
        size: how many they are, with those that nobody follows.
    """

    parents: tuple[TraceContext, ...] = ()
    size: int = 0


SHARED: ContextVar[Shared | None] = ContextVar("shared_work", default=None)
"""Set instead of CURRENT, and reset, by a task that works for several at once."""


def tags_of(context: TraceContext | None, tags: dict[str, str] | None = None) -> dict[str, str] | None:
    """Tags by which a context goes on, beside others, unless they have one already; those others for an unsampled one.

    None: neither.
    """
    if context is None or not context.is_sampled or (tags and TRACEPARENT in tags):
        return tags
    with_context = {**(tags or {}), TRACEPARENT: context.traceparent()}
    return {**with_context, TRACESTATE: context.state} if context.state else with_context


class Kind(enum.Enum):
    """Of OpenTelemetry's span kinds."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """Something that takes time. Only sampled ones exist. Event-loop thread; ending twice is harmless."""

    @property
    def context(self) -> TraceContext:
        """What the spans below it have as parent."""

    def set(self, name: str, value: Attribute) -> None: ...

    def fail(self, error_type: str, detail: str = "") -> None:
        """It went wrong: a stable word (OpenTelemetry's `error.type`), and text without secrets."""

    def end(self, at_ns: int | None = None) -> None:
        """Now, or at a time of the wall clock. It may be exported from then on, by somebody else's thread."""


class Tracer(Protocol):
    """Makes spans. Nothing here waits, and nothing fails: what cannot be exported is dropped and counted."""

    def samples_root(self) -> bool:
        """Whether a trace that begins here is followed. Hot: asked for each publication that nobody has decided on."""

    def follows(self, parent: TraceContext, *, is_stranger: bool = False) -> bool:
        """Whether a span is made below a parent that another process has sampled: always, up to so many a second.

        Args:
            is_stranger: anybody may have sent it. All of those together get half of what there is, so that they
                cannot keep publishers from being followed.
        """

    def start_span(
        self,
        name: str,
        kind: Kind,
        parent: TraceContext | None,
        attributes: Mapping[str, Attribute],
        *,
        started_ns: int | None = None,
        links: Sequence[TraceContext] = (),
    ) -> Span:
        """Begin one, now or at a time of the wall clock. None as parent begins a trace; the caller has asked before.

        Args:
            name: of a closed set: operation and namespace, never a channel, a user or a path as it came.
        """
