"""A span that has ended, as it may be told: what came from outside is masked already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from hub.tracing import Attribute, Kind, TraceContext

_SPAN_BYTES: Final = 900
_ATTRIBUTE_BYTES: Final = 80
"""Beside the characters of their texts, in CPython 3.11."""


class FinishedSpan(NamedTuple):
    """One of them. `parent_id` is "" where a trace begins; times are nanoseconds since the epoch."""

    context: TraceContext
    parent_id: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    error: str
    attributes: dict[str, Attribute]
    links: tuple[TraceContext, ...]

    def num_bytes(self) -> int:
        """What it weighs, as estimated."""
        texts = sum(len(value) for value in self.attributes.values() if isinstance(value, str))
        return _SPAN_BYTES + _ATTRIBUTE_BYTES * len(self.attributes) + texts + len(self.error)
