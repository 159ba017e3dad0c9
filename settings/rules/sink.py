"""Rules of `outbox` and `sinks[]`: each is somebody, wants something, and has where to put it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.relay.sinks.cloud_event import TemplateInvalid, check_template
from settings.rules.consumer_rabbitmq import rabbitmq_connection_findings
from settings.rules.finding import Finding
from settings.rules.listed import enabled_ones, name_findings
from settings.rules.redis import redis_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.model import Settings
    from settings.outbox_model import OutboxRabbitmqSettings
    from settings.rules.finding import Rule
    from settings.sink_model import SinkRabbitmqSettings, SinkSettings


def sinks_have_names(settings: Settings) -> Iterator[Finding]:
    yield from name_findings(_sinks(settings), "sink")


def sinks_have_an_outbox(settings: Settings) -> Iterator[Finding]:
    for key, _ in _sinks(settings):
        if not settings.accounts.enabled:
            yield Finding(key, "needs a database, which there is only with accounts", ("accounts.enabled",))


def sinks_want_something(settings: Settings) -> Iterator[Finding]:
    for key, sink in _sinks(settings):
        if not sink.events:
            yield Finding(f"{key}.events", "must name some kinds of events")
        if not sink.source:
            yield Finding(f"{key}.source", "must be set")


def sinks_have_somewhere_to_go(settings: Settings) -> Iterator[Finding]:
    for key, sink in _sinks(settings):
        path = f"{key}.{sink.type}"
        if sink.type == "rabbitmq":
            yield from _exchange_findings(path, sink.rabbitmq)
        else:
            yield from redis_findings(path, sink.redis_stream)
            if not sink.redis_stream.stream:
                yield Finding(f"{path}.stream", "must be set")


def the_outbox_has_its_carrier(settings: Settings) -> Iterator[Finding]:
    outbox = settings.outbox
    if outbox.carrier != "rabbitmq":
        return
    if not settings.accounts.enabled:
        yield Finding("outbox.carrier", "is not used: there is an outbox only with accounts", ("accounts.enabled",))
    if not outbox.source:
        yield Finding("outbox.source", "must be set")
    yield from _exchange_findings("outbox.rabbitmq", outbox.rabbitmq)


def _exchange_findings(key: str, rabbitmq: OutboxRabbitmqSettings | SinkRabbitmqSettings) -> Iterator[Finding]:
    yield from rabbitmq_connection_findings(key, rabbitmq)
    if not rabbitmq.exchange:
        yield Finding(f"{key}.exchange", "must be set")
    try:
        check_template(rabbitmq.routing_key)
    except TemplateInvalid as exc:
        yield Finding(f"{key}.routing_key", str(exc))


def _sinks(settings: Settings) -> Iterator[tuple[str, SinkSettings]]:
    return enabled_ones("sinks", settings.sinks)


RULES: Final[tuple[Rule, ...]] = (
    sinks_have_names,
    sinks_have_an_outbox,
    sinks_want_something,
    sinks_have_somewhere_to_go,
    the_outbox_has_its_carrier,
)
