"""An entry of the outbox as a CloudEvent 1.0 in binary form: attributes beside the data, which stays as it is. Pure.

Source: CloudEvents 1.0.2; the extensions `partitionkey` and `traceparent`/`tracestate` as its documents define them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from string import Formatter
from typing import TYPE_CHECKING, Final

from hub.relay.sinks.tap import namespace_of
from hub.tracing import TRACEPARENT, TRACESTATE

if TYPE_CHECKING:
    from hub.relay.entries import OutboxEntry

PUBLICATION: Final = "syncline.publication"
"""The kind of an event that is for the subscribers of its channel: what another node's consumer publishes."""

TAG_PREFIX: Final = "syncline-tag-"
"""Tags of the publication, as headers; those of the trace are attributes."""

_TRACE: Final = (TRACEPARENT, TRACESTATE)

_NAMES: Final = frozenset({"type", "channel", "namespace"})


class TemplateInvalid(ValueError):
    """A routing key names what there is not; the text says what there is."""


def check_template(template: str) -> None:
    """Raises TemplateInvalid."""
    try:
        names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as exc:
        raise TemplateInvalid(f"{template!r}: {exc}") from exc
    if names - _NAMES:
        unknown = ", ".join(sorted(names - _NAMES))
        raise TemplateInvalid(f"{template!r} names {unknown}; there are {', '.join(sorted(_NAMES))}")


def filled(template: str, entry: OutboxEntry) -> str:
    """A checked template with what the entry has."""
    return template.format(type=kind_of(entry), channel=entry.channel, namespace=namespace_of(entry.channel))


def kind_of(entry: OutboxEntry) -> str:
    return (entry.headers or {}).get("type", PUBLICATION)


def attributes_of(entry: OutboxEntry, source: str) -> dict[str, str]:
    """Everything but the data. `source` and `id` together are the same whenever the event is sent."""
    attributes = {
        "specversion": "1.0",
        "id": entry.key,
        "source": source,
        "type": kind_of(entry),
        "subject": entry.channel,
        "datacontenttype": "application/json",
        "partitionkey": entry.lane,
    }
    at_ms = (entry.headers or {}).get("time")
    if at_ms is not None:
        attributes["time"] = rfc3339(int(at_ms))
    tags = entry.tags or {}
    attributes.update((name, tags[name]) for name in _TRACE if name in tags)
    return attributes


def trace_headers(entry: OutboxEntry) -> dict[str, str]:
    """The context under the names by which instrumented consumers look for it."""
    tags = entry.tags or {}
    return {name: tags[name] for name in _TRACE if name in tags}


def tag_headers(entry: OutboxEntry) -> dict[str, str]:
    """The tags that are no attributes, as headers."""
    return {f"{TAG_PREFIX}{name}": value for name, value in (entry.tags or {}).items() if name not in _TRACE}


def rfc3339(at_ms: int) -> str:
    """In UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
