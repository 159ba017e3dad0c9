"""The sources, the outbox and the sinks of a node, as operators see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

from hub.relay.entries import HUB
from hub.relay.rabbitmq.config import RabbitSourceConfig
from hub.relay.redis.config import RedisPubSubConfig, RedisStreamConfig
from services.operations.views import RelayView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from composition.outbox import OutboxParts
    from composition.relay import Relay
    from hub.hub import Hub
    from hub.relay.consumer_config import ConsumerConfig, RelayConfig

    RelayKind = Literal["rabbitmq", "redis_stream", "redis_pubsub", "http", "outbox", "sink"]

_KINDS: Final[Mapping[type, RelayKind]] = {
    RabbitSourceConfig: "rabbitmq",
    RedisStreamConfig: "redis_stream",
    RedisPubSubConfig: "redis_pubsub",
}

STALLED: Final = "takes nothing at the moment; events wait"


def keeps_dead_letters(consumer: ConsumerConfig) -> bool:
    """Pub/sub delivers at most once: what cannot be published is counted and gone."""
    return isinstance(consumer.source, RabbitSourceConfig | RedisStreamConfig)


class NodeRelays:
    """Implements services.operations.ports.RelayReader."""

    def __init__(self, hub: Hub, config: RelayConfig, relay: Relay, outbox: OutboxParts | None) -> None:
        self._hub = hub
        self._consumers = {consumer.name: consumer for consumer in config.consumers}
        self._relay = relay
        self._outbox = outbox

    def relays(self) -> list[RelayView]:
        return [*self._sources(), *self._endpoint(), *self._leaving()]

    def _sources(self) -> Iterator[RelayView]:
        for source in self._relay.sources:
            health, consumer = source.health(), self._consumers[source.name]
            yield self._view(
                source.name,
                _KINDS[type(consumer.source)],
                measures=plain(source.measures()),
                is_attached=health.is_attached,
                age_s=health.age_s,
                detail=health.detail,
                has_dead_letters=keeps_dead_letters(consumer),
            )

    def _endpoint(self) -> Iterator[RelayView]:
        if self._relay.events is not None:
            yield self._view("events", "http", measures={})

    def _leaving(self) -> Iterator[RelayView]:
        """The outbox and its sinks. What carries them to a broker knows since when; the rest only whether."""
        parts = self._outbox
        if parts is None:
            return
        measures = parts.outbox.measures()
        links = {health.name: health for health in parts.health()}
        for destination, is_stalled in parts.outbox.stalled().items():
            is_hub = destination == HUB
            link = links.get("outbox" if is_hub else f"sink.{destination}")
            is_attached = not is_stalled and (link is None or link.is_attached)
            detail = link.detail if link is not None and link.detail else STALLED if is_stalled else ""
            yield self._view(
                "outbox" if is_hub else destination,
                "outbox" if is_hub else "sink",
                measures=_outbox_measures(measures) if is_hub else _sink_measures(measures, destination),
                is_attached=is_attached,
                age_s=None if link is None else link.age_s,
                detail=detail,
            )

    def _view(
        self,
        name: str,
        kind: RelayKind,
        *,
        measures: dict[str, float],
        is_attached: bool = True,
        age_s: float | None = None,
        detail: str = "",
        has_dead_letters: bool = False,
    ) -> RelayView:
        hub = self._hub
        return RelayView(
            name=name,
            kind=kind,
            node=hub.uid,
            node_name=hub.node_info().name,
            is_attached=is_attached,
            age_s=hub.clock.monotonic_s() - hub.started_at_s if age_s is None else age_s,
            detail=detail,
            measures=measures,
            has_dead_letters=has_dead_letters,
        )


def plain(measures: Mapping[str, float]) -> dict[str, float]:
    """Without the labels: a source's measures carry its own name, and the publisher's inside of it."""
    sums: Counter[str] = Counter()
    for name, value in measures.items():
        sums[name.partition(".")[0]] += value  # type: ignore[assignment]  # a Counter of floats
    return dict(sums)


def _outbox_measures(measures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in measures.items() if "." not in name}


def _sink_measures(measures: Mapping[str, float], sink: str) -> dict[str, float]:
    end = f".{sink}"
    return {name.removesuffix(end): float(value) for name, value in measures.items() if name.endswith(end)}
