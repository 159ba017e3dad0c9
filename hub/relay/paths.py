"""Paths: how a route names a part of a message. Pure.

data.order.items.0.sku   a member of the data, or the item at a position of a list
type, source, subject, id, traceparent, any extension   an attribute of the event
headers.x-tenant         a header, in whatever letters it came
routing_key              AMQP routing key, name of the stream, pub/sub channel

`id` of plain JSON is the carrier's message id; `traceparent` and `tracestate` are looked for among the headers too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hub.relay.json_values import members_of, text_of, value_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from hub.relay.cloudevents import Event
    from hub.relay.message import Message

    Read = Callable[["Scope"], str | None]

DATA: Final = "data"
ROUTING_KEY: Final = "routing_key"

_ATTRIBUTE: Final = re.compile(r"[a-z0-9]{1,64}")
_FALLBACKS: Final = ("traceparent", "tracestate")


class PathInvalid(ValueError):
    """Not a path; the text says why."""


class Scope:
    """One message while its route is looked for."""

    __slots__ = ("_headers", "_members", "event", "message")

    def __init__(self, message: Message, event: Event) -> None:
        self.message = message
        self.event = event
        self._members: dict[str, Raw] | None = None
        self._headers: dict[str, str] | None = None

    @property
    def members(self) -> dict[str, Raw]:
        """The members of the data: decoded once for all paths."""
        if self._members is None:
            self._members = members_of(self.event.data)
        return self._members

    def header(self, name: str) -> str | None:
        """Args: name: in small letters."""
        if self._headers is None:
            self._headers = {key.lower(): value for key, value in self.message.headers.items()}
        return self._headers.get(name)


class Path:
    """A path that has been understood.

    Attributes:
        attribute: the attribute of the event that it reads; "" for none.
    """

    __slots__ = ("_read", "attribute", "text")

    def __init__(self, text: str) -> None:
        """Raises: PathInvalid."""
        self.text = text
        head, dot, rest = text.partition(".")
        self.attribute = "" if dot or text in (DATA, ROUTING_KEY) else text
        self._read = _reader(text, head, rest)

    def read(self, scope: Scope) -> str | None:
        """What it leads to, as text; None for nothing, or null.

        Raises:
            ValueError: an object, a list, or no Unicode text.
        """
        return self._read(scope)


def _reader(text: str, head: str, rest: str) -> Read:
    if head == DATA:
        return _data_reader(rest.split(".") if rest else [])
    if head == "headers":
        if not rest:
            raise PathInvalid("headers: needs a name, such as headers.x-tenant")
        return _header_reader(rest.lower())
    if text == ROUTING_KEY:
        return _routing_key
    if _ATTRIBUTE.fullmatch(text) is None:
        raise PathInvalid(
            f"{text!r} is no path: data and the members behind it, an attribute in small letters and digits, "
            "headers.<name> or routing_key"
        )
    return _attribute_reader(text)


def _data_reader(steps: list[str]) -> Read:
    if not all(steps):
        raise PathInvalid("data: has an empty member name")
    if not steps:
        return lambda scope: text_of(scope.event.data)
    first, rest = steps[0], steps[1:]

    def read(scope: Scope) -> str | None:
        found = scope.members.get(first)
        if found is not None and rest:
            found = value_at(found, rest)
        elif found is None and first.isdecimal():
            found = value_at(scope.event.data, steps)
        return None if found is None else text_of(found)

    return read


def _header_reader(name: str) -> Read:
    return lambda scope: scope.header(name)


def _attribute_reader(name: str) -> Read:
    if name == "id":
        return lambda scope: scope.event.attributes.get("id") or scope.message.message_id or None
    if name in _FALLBACKS:
        return lambda scope: scope.event.attributes.get(name) or scope.header(name)
    return lambda scope: scope.event.attributes.get(name)


def _routing_key(scope: Scope) -> str | None:
    return scope.message.subject or None
