"""What brings messages into the hub of a node: a source per consumer, and the endpoint for events over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from api.events import EventsEndpoint
from hub.relay.intake import Intake
from hub.relay.rabbitmq.config import RabbitSourceConfig
from hub.relay.redis.config import RedisPubSubConfig, RedisStreamConfig
from hub.relay.routing import RouteInvalid, Router

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from api.config import EdgeConfig
    from hub.clock import Clock
    from hub.histogram import Histogram
    from hub.hub import Hub
    from hub.relay.consumer_config import ConsumerConfig, RelayConfig
    from hub.relay.source import Source, SourceHealth

    Tasks = list[tuple[str, Coroutine[object, object, None]]]
    Build = Callable[[Any, Router, "_Node"], Source]

EVENTS_ROUTER: Final = "events/http"
"""What the endpoint's router is called: no consumer can be called so, and their keys are apart."""


class RelayRefused(Exception):
    """The text tells the operator why, and what to do."""


class _Node(NamedTuple):
    """What every source needs of the node."""

    intake: Intake
    hub: Hub
    clock: Clock


class Relay:
    """The sources of one node, built and not yet running.

    Attributes:
        events: None where no events are taken over HTTP.
    """

    def __init__(self, intake: Intake, sources: list[Source], events: EventsEndpoint | None) -> None:
        self.events = events
        self._intake = intake
        self._sources = sources

    def tasks(self) -> Tasks:
        """The work that must go on as long as the node lives, by name."""
        return [(f"consumer.{source.name}", source.run()) for source in self._sources]

    def measures(self) -> dict[str, float]:
        """Of the intake and of every source, by name."""
        measures = self._intake.measures()
        for source in self._sources:
            measures |= source.measures()
        return measures | {"relay_detached": sum(not health.is_attached for health in self.health())}

    def histograms(self) -> dict[str, Histogram]:
        return {name: histogram for source in self._sources for name, histogram in source.histograms().items()}

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(self._sources)

    def health(self) -> list[SourceHealth]:
        return [source.health() for source in self._sources]

    async def stop_intake(self) -> None:
        """Take nothing new and acknowledge what the engine has accepted, within the sources' own deadlines (5 s)."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(source.stop_intake())


def open_relay(config: RelayConfig, edge: EdgeConfig, hub: Hub, clock: Clock) -> Relay:
    """Build what the configuration names; nothing connects yet.

    Raises:
        RelayRefused
    """
    node = _Node(Intake(hub), hub, clock)
    sources = [_source(consumer, node) for consumer in config.consumers]
    events = None
    if config.events is not None:
        router = _router("events", lambda: Router(config.events, hub.config.channel, EVENTS_ROUTER))  # type: ignore[arg-type]  # it is not None
        events = EventsEndpoint(edge.events, edge.server_api, router, node.intake)
    return Relay(node.intake, sources, events)


def _source(consumer: ConsumerConfig, node: _Node) -> Source:
    router = _router(
        f"consumer {consumer.name}", lambda: Router(consumer.routing, node.hub.config.channel, consumer.name)
    )
    build, extra = _BUILDERS[type(consumer.source)]
    try:
        return build(consumer.source, router, node)
    except ModuleNotFoundError as exc:
        raise RelayRefused(
            f"consumer {consumer.name}: {exc.name} is missing; install syncline with the extra {extra!r}"
        ) from exc
    except ValueError as exc:
        raise RelayRefused(f"consumer {consumer.name}: {exc}") from exc


def _router(owner: str, make: Callable[[], Router]) -> Router:
    try:
        return make()
    except RouteInvalid as exc:
        raise RelayRefused(f"{owner}: {exc}") from exc


def _rabbitmq(config: RabbitSourceConfig, router: Router, node: _Node) -> Source:
    from hub.relay.rabbitmq.source import RabbitSource  # noqa: PLC0415  # needs the extra

    return RabbitSource(config, router, node.intake, node.clock)


def _redis_stream(config: RedisStreamConfig, router: Router, node: _Node) -> Source:
    from hub.relay.redis.streams import RedisStreamSource  # noqa: PLC0415  # needs the extra

    return RedisStreamSource(
        config, router, node.intake, node.clock, owner=node.hub.uid, node_name=node.hub.config.node_name or node.hub.uid
    )


def _redis_pubsub(config: RedisPubSubConfig, router: Router, node: _Node) -> Source:
    from hub.relay.redis.pubsub import RedisPubSubSource  # noqa: PLC0415  # needs the extra

    return RedisPubSubSource(config, router, node.intake, node.clock, owner=node.hub.uid)


_BUILDERS: Final[Mapping[type, tuple[Build, str]]] = {
    RabbitSourceConfig: (_rabbitmq, "rabbitmq"),
    RedisStreamConfig: (_redis_stream, "redis"),
    RedisPubSubConfig: (_redis_pubsub, "redis"),
}
