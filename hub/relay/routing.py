"""From a message to its deliveries. Pure: the same message has the same deliveries, except for a key of the moment.

Routes are tried in order; the first that matches decides, unless it says that later ones may add to it.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final

import uuid_utils
from msgspec import UNSET

from hub.channels import NAMESPACE_BOUNDARY, namespace_of
from hub.relay.cloudevents import decode_event
from hub.relay.delivery import Delivery
from hub.relay.filters import Filter
from hub.relay.paths import Path, PathInvalid, Scope
from hub.relay.rejection import FAULT, NO_ROUTE, OVERSIZE, Rejected
from hub.relay.templates import ChannelTemplate, Template, TemplateInvalid
from hub.tracing import TRACEPARENT, TRACESTATE, parse_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hub.config import ChannelConfig
    from hub.relay.config import RouteConfig, RoutingConfig
    from hub.relay.message import Message
    from hub.tracing import TraceContext

logger = logging.getLogger(__name__)

KEY_HEADER: Final = "idempotency-key"

MAX_KEY_CHARS: Final = 200
"""A longer key is represented by its hash."""


class RouteInvalid(ValueError):
    """The configuration makes no sense.

    Attributes:
        key: the option, below the routes' owner: `routes[1].channels[0]`.
        why: for the operator.
    """

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


class Router:
    """The routes of one source.

    Args:
        name: the source's: what carriers call a message is unique within it only.

    Attributes:
        num_dropped: messages that no route wanted, where that is no fault.
    """

    def __init__(self, config: RoutingConfig, channels: ChannelConfig, name: str = "") -> None:
        """Raises: RouteInvalid."""
        self._config = config
        self._name = name
        if not config.routes:
            raise RouteInvalid("routes", "must hold at least one: nothing would be published")
        self._routes = [_Route(f"routes[{number}]", route, channels) for number, route in enumerate(config.routes)]
        self._event_tags = [(name, _event_tag(number, name)) for number, name in enumerate(config.event_tags)]
        self._wanted = _wanted(self._routes, [path for _, path in self._event_tags]) | {TRACEPARENT, TRACESTATE}
        self.num_dropped = 0

    def route(self, message: Message) -> list[Delivery]:
        """The publications that a message asks for; none when it is dropped on purpose.

        Their idempotency key is made of the event's source and id, the header `idempotency-key` or the message id. A
        message with none of these gets a key of the moment: it is published once by whoever routes it once.

        Raises:
            Rejected
        """
        if len(message.body) > self._config.max_message_bytes:
            raise Rejected(OVERSIZE, f"the body has {len(message.body)} bytes, over {self._config.max_message_bytes}")
        event = decode_event(message, self._wanted)
        scope = Scope(message, event)
        channels = self._channels(scope)
        if not channels:
            return self._unrouted()
        tags = self._tags_of_event(scope)
        key, ttl_s = self._key(scope)
        trace = _trace_of(scope)
        return [
            Delivery(
                channel,
                event.data,
                ({**tags, **route.tags(scope)} if route.has_tags else tags) or UNSET,
                key,
                ttl_s,
                trace,
            )
            for channel, route in channels.items()
        ]

    def _channels(self, scope: Scope) -> dict[str, _Route]:
        """The first route that names a channel decides its tags."""
        channels: dict[str, _Route] = {}
        for route in self._routes:
            if route.filter.matches(scope):
                for template in route.channels:
                    channels.setdefault(template.channel(scope), route)
                if route.is_final:
                    break
        return channels

    def _unrouted(self) -> list[Delivery]:
        if self._config.unrouted == "reject":
            raise Rejected(NO_ROUTE, "no route matches")
        self.num_dropped += 1
        return []

    def _tags_of_event(self, scope: Scope) -> dict[str, str]:
        return {name: value for name, path in self._event_tags if (value := path.read(scope))}

    def _key(self, scope: Scope) -> tuple[str, float]:
        ttl_s = self._config.idempotency_ttl_s
        key = self._lasting_key(scope) if ttl_s else ""
        if not key:
            return str(uuid_utils.uuid7()), 0
        return (key if len(key) <= MAX_KEY_CHARS else hashlib.sha256(key.encode()).hexdigest()), ttl_s

    def _lasting_key(self, scope: Scope) -> str:
        message = scope.message
        given = (scope.header(KEY_HEADER) if message.headers else None) or message.message_id
        return scope.event.key or (f"{self._name} {given}" if given else "")


def _trace_of(scope: Scope) -> TraceContext | None:
    """Of whoever sent the message, in its headers; else of whoever made the event."""
    if scope.message.headers and (sent := scope.header(TRACEPARENT)):
        return parse_context(sent, scope.header(TRACESTATE))
    attributes = scope.event.attributes
    return parse_context(attributes.get(TRACEPARENT), attributes.get(TRACESTATE))


class _Route:
    def __init__(self, key: str, config: RouteConfig, channels: ChannelConfig) -> None:
        if not config.channels:
            raise RouteInvalid(f"{key}.channels", "must name at least one channel")
        self.is_final = config.is_final
        self.channels = [
            _channel(f"{key}.channels[{number}]", text, channels, config.is_trusted)
            for number, text in enumerate(config.channels)
        ]
        self.filter = _filter(key, config)
        self._tags = [(name, _tag(f"{key}.tags.{name}", text)) for name, text in config.tags.items()]
        self.has_tags = bool(self._tags)

    def paths(self) -> Iterator[Path]:
        for template in (*self.channels, *(template for _, template in self._tags)):
            yield from template.paths
        yield from self.filter.paths()

    def tags(self, scope: Scope) -> dict[str, str]:
        return {name: text for name, template in self._tags if (text := template.render(scope))}


def _channel(key: str, text: str, channels: ChannelConfig, is_trusted: bool) -> ChannelTemplate:
    try:
        template = ChannelTemplate(text, channels.max_length_bytes, is_trusted=is_trusted)
    except TemplateInvalid as exc:
        raise RouteInvalid(key, str(exc)) from exc
    start = template.fixed_start
    namespace = namespace_of(start)
    if NAMESPACE_BOUNDARY in start and namespace and namespace not in channels.namespaces:
        raise RouteInvalid(key, f"{text!r} is in namespace {namespace!r}, which channel.namespaces does not have")
    return template


def _filter(key: str, config: RouteConfig) -> Filter:
    for name, conditions in (("when", config.when), ("unless", config.unless)):
        for path, patterns in conditions.items():
            if not patterns:
                raise RouteInvalid(f"{key}.{name}.{path}", "must hold at least one pattern")
            try:
                Path(path)
            except PathInvalid as exc:
                raise RouteInvalid(f"{key}.{name}", str(exc)) from exc
    return Filter(config.when, config.unless)


def _tag(key: str, text: str) -> Template:
    try:
        return Template(text)
    except TemplateInvalid as exc:
        raise RouteInvalid(key, str(exc)) from exc


def _event_tag(number: int, name: str) -> Path:
    try:
        path = Path(name)
    except PathInvalid as exc:
        raise RouteInvalid(f"event_tags[{number}]", str(exc)) from exc
    if not path.attribute:
        raise RouteInvalid(f"event_tags[{number}]", f"{name!r} is no attribute of events")
    return path


def _wanted(routes: list[_Route], tags: list[Path]) -> frozenset[str]:
    paths = [*tags, *(path for route in routes for path in route.paths())]
    return frozenset(path.attribute for path in paths if path.attribute)


def outcome_of(route: Callable[[], list[Delivery]], fault_event: str, **details: str) -> list[Delivery] | Rejected:
    """What becomes of a message that a source routes, whatever it does to us: one must not stop those behind it.

    Args:
        fault_event: what the log calls a failure of our own.
    """
    try:
        return route()
    except Rejected as rejected:
        return rejected
    except Exception:
        logger.exception(fault_event, extra=details)
        return Rejected(FAULT, "routing failed, see the log of the node")
