"""The outbox with its carriers, and what the sinks hear of connections."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hub.relay.entries import HUB
from hub.relay.outbox import Outbox
from hub.relay.sinks.client_events import ClientEvents
from hub.relay.sinks.config import RabbitTargetConfig
from hub.relay.sinks.tap import NO_SINKS, Tap, Wanted, type_in
from sessions.channels import SESSIONS, STATE
from storage.database import CannotOpen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from hub.clock import Clock
    from hub.gauges import Measured
    from hub.hub import Hub
    from hub.relay.carrier import Carrier
    from hub.relay.rabbitmq.publisher import RabbitPublisher
    from hub.relay.sinks.config import OutboxConfig, SinkConfig, StreamTargetConfig
    from hub.relay.source import SourceHealth
    from storage.database import Storage

    Tasks = list[tuple[str, Coroutine[object, object, None]]]

STATE_CHANGED: Final = "state.changed"


@dataclass(slots=True)
class OutboxParts:
    """The outbox, and everything that must run and be measured with it."""

    outbox: Outbox
    publishers: dict[str, RabbitPublisher] = field(default_factory=dict)
    client_events: ClientEvents | None = None

    @property
    def num_unpublished(self) -> float:
        """Events that are still on their way to subscribers."""
        return self.outbox.measures()["outbox_waiting"]

    def tasks(self) -> Tasks:
        publishers = [(f"amqp.{name}", publisher.run()) for name, publisher in self.publishers.items()]
        events = [] if self.client_events is None else [("sinks.client_events", self.client_events.run())]
        return [("outbox", self.outbox.run()), *publishers, *events]

    def measured(self) -> list[Measured]:
        events = [] if self.client_events is None else [self.client_events]
        return [self.outbox, *self.publishers.values(), *events]

    def health(self) -> list[SourceHealth]:
        """Of the connections to brokers. Without one events wait, and nothing is lost."""
        return [publisher.health() for publisher in self.publishers.values()]


@asynccontextmanager
async def open_outbox(config: OutboxConfig, storage: Storage, hub: Hub, clock: Clock) -> AsyncIterator[OutboxParts]:
    """The outbox of a node; the hub tells its sinks what connections do. Leave it when its tasks have ended.

    Raises:
        CannotOpen: an extra is missing.
    """
    async with AsyncExitStack() as stack:
        carriers: dict[str, Carrier] = {}
        publishers: dict[str, RabbitPublisher] = {}
        if config.carrier is not None:
            carriers[HUB], publishers["outbox"] = _to_rabbitmq("outbox", config.carrier, config.source, clock)
        for sink in config.sinks:
            if isinstance(sink.target, RabbitTargetConfig):
                name = f"sink.{sink.name}"
                carriers[sink.name], publishers[name] = _to_rabbitmq(name, sink.target, sink.source, clock)
            else:
                carriers[sink.name] = _to_redis(sink, sink.target, clock, stack)
        tap = _tap(config)
        outbox = Outbox(storage.relay, hub, clock, carriers=carriers, tap=tap, notifications=storage.notifications)
        parts = OutboxParts(outbox, publishers)
        if tap.is_open:
            hub.observer = parts.client_events = ClientEvents(outbox, storage.relay, clock, tap)
        yield parts


def _tap(config: OutboxConfig) -> Tap:
    if not config.sinks:
        return NO_SINKS
    wanted = {sink.name: Wanted(sink.events, sink.namespaces) for sink in config.sinks}
    return Tap(wanted, {SESSIONS: type_in, STATE: lambda _: STATE_CHANGED})


def _to_rabbitmq(name: str, target: RabbitTargetConfig, source: str, clock: Clock) -> tuple[Carrier, RabbitPublisher]:
    try:
        from hub.relay.rabbitmq.publisher import RabbitPublisher  # noqa: PLC0415  # needs the extra
        from hub.relay.sinks.rabbitmq import RabbitCarrier  # noqa: PLC0415  # needs the extra
    except ImportError as exc:
        raise CannotOpen('RabbitMQ needs the extra "rabbitmq": pip install "syncline[rabbitmq]"') from exc
    publisher = RabbitPublisher(target.connection, clock, name=name)
    return RabbitCarrier(publisher, target.exchange, target.routing_key, source), publisher


def _to_redis(sink: SinkConfig, target: StreamTargetConfig, clock: Clock, stack: AsyncExitStack) -> Carrier:
    try:
        from hub.engines.redis.discovery import ConfigRefused  # noqa: PLC0415  # needs the extra
        from hub.relay.redis.access import RedisAccess  # noqa: PLC0415  # needs the extra
        from hub.relay.sinks.redis_stream import RedisStreamCarrier  # noqa: PLC0415  # needs the extra
    except ImportError as exc:
        raise CannotOpen('Redis needs the extra "redis": pip install "syncline[redis]"') from exc
    try:
        access = RedisAccess(target.redis, clock)
    except ConfigRefused as exc:
        raise CannotOpen(f"sink {sink.name}: {exc}") from exc
    stack.push_async_callback(access.close)
    return RedisStreamCarrier(access, target.stream, target.max_length, sink.source)
