"""What routing is told: which messages go to which channels, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

EVENT_TAGS: Final = ("id", "type", "traceparent", "tracestate")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfig:
    """One route; docs/events.md has the language of paths, templates and patterns.

    Attributes:
        channels: templates, each of which names one channel.
        when: patterns by path; every path must have a value that one of its patterns matches.
        unless: patterns by path; no path may have such a value.
        tags: templates by name; a tag whose template finds no value is left out.
        is_final: no later route is looked at when this one has matched.
        is_trusted: values may change what a channel means: `{subject}` may be any channel, of any user. For messages
            of trusted services alone, as the outbox is.
    """

    channels: tuple[str, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    is_final: bool = True
    is_trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingConfig:
    """What one source makes of its messages.

    Attributes:
        unrouted: what becomes of a message that no route matches.
        event_tags: attributes of events that become tags under their own names.
        idempotency_ttl_s: how long a message is remembered, so that it is published once however often it comes.
        max_message_bytes: longest body.
    """

    routes: tuple[RouteConfig, ...] = ()
    unrouted: Literal["reject", "drop"] = "reject"
    event_tags: tuple[str, ...] = EVENT_TAGS
    idempotency_ttl_s: float = 3600
    max_message_bytes: int = 1 << 20
