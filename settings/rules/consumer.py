"""Rules of `consumers[]` and `events`: each is somebody, reads something, and knows where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.relay.routing import RouteInvalid, Router
from settings.consumer_views import routing_config
from settings.rules.consumer_rabbitmq import rabbitmq_findings
from settings.rules.finding import Finding
from settings.rules.listed import enabled_ones, name_findings
from settings.rules.redis import redis_findings
from settings.views import hub_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.consumer_model import ConsumerSettings, RoutingSettings
    from settings.model import Settings
    from settings.rules.finding import Rule


def consumers_have_names(settings: Settings) -> Iterator[Finding]:
    yield from name_findings(_consumers(settings), "consumer")


def consumers_read_something(settings: Settings) -> Iterator[Finding]:
    for key, consumer in _consumers(settings):
        path = f"{key}.{consumer.type}"
        if consumer.type == "rabbitmq":
            yield from rabbitmq_findings(path, consumer.rabbitmq)
        elif consumer.type == "redis_stream":
            yield from redis_findings(path, consumer.redis_stream)
            yield from _stream_findings(path, consumer)
        else:
            yield from redis_findings(path, consumer.redis_pubsub)
            patterns = consumer.redis_pubsub.patterns
            if not patterns or not all(patterns):
                yield Finding(f"{path}.patterns", "must name what to listen to")


def routes_are_sound(settings: Settings) -> Iterator[Finding]:
    for key, consumer in _consumers(settings):
        yield from _route_findings(key, consumer, settings)
    if settings.events.enabled:
        yield from _route_findings("events", settings.events, settings)


def events_have_a_way_in(settings: Settings) -> Iterator[Finding]:
    events = settings.events
    if events.enabled and settings.http_api.disabled:
        yield Finding("events.enabled", "needs the server API, which is disabled", ("http_api.disabled",))
    if not events.handler_prefix.startswith("/"):
        yield Finding("events.handler_prefix", "must begin with /")


def _stream_findings(path: str, consumer: ConsumerSettings) -> Iterator[Finding]:
    stream = consumer.redis_stream
    for name in ("streams", "consumer_group", "payload_value"):
        if not getattr(stream, name):
            yield Finding(f"{path}.{name}", "must be set")
    if not stream.visibility_timeout:
        yield Finding(f"{path}.visibility_timeout", "must be more than 0s")
    if stream.dead_letter_stream in stream.streams:
        yield Finding(f"{path}.dead_letter_stream", "must be another stream than those that are read")


def _route_findings(key: str, routing: RoutingSettings, settings: Settings) -> Iterator[Finding]:
    try:
        Router(routing_config(routing), hub_config(settings).channel)
    except RouteInvalid as exc:
        yield Finding(f"{key}.{exc.key}", exc.why, ("channel.namespaces",))


def _consumers(settings: Settings) -> Iterator[tuple[str, ConsumerSettings]]:
    return enabled_ones("consumers", settings.consumers)


RULES: Final[tuple[Rule, ...]] = (
    consumers_have_names,
    consumers_read_something,
    routes_are_sound,
    events_have_a_way_in,
)
