"""Which events the sinks get a copy of."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    KindOf = Callable[[bytes], str]

CLIENT_PREFIX: Final = "client."
"""Of kinds that a sink gets only from the namespaces it names."""


class Wanted(NamedTuple):
    """What one sink wants: globs over kinds, and the namespaces whose `client.*` it wants."""

    kinds: Sequence[str]
    namespaces: Sequence[str] = ()

    def includes(self, kind: str, namespace: str) -> bool:
        if kind.startswith(CLIENT_PREFIX) and namespace not in self.namespaces:
            return False
        return any(fnmatchcase(kind, glob) for glob in self.kinds)


class Tap:
    """Sinks by the kinds of events that they want.

    Args:
        wanted: by the name of the sink.
        kinds: how the kind of an event is found, by the namespace of its channel. Others are nobody's business.
    """

    def __init__(self, wanted: Mapping[str, Wanted], kinds: Mapping[str, KindOf]) -> None:
        self._wanted = wanted
        self._kinds = kinds
        self._destinations: dict[tuple[str, str], tuple[str, ...]] = {}
        self.is_open = bool(wanted)

    def kind_of(self, channel: str, data: bytes) -> str:
        """The kind of an event; "" for one that no sink can want."""
        find = self._kinds.get(namespace_of(channel))
        return "" if find is None else find(data)

    def destinations(self, kind: str, channel: str = "") -> tuple[str, ...]:
        """The sinks that want it. What is remembered is bounded: some ten kinds, and namespaces that are configured."""
        namespace = namespace_of(channel) if kind.startswith(CLIENT_PREFIX) else ""
        found = self._destinations.get((kind, namespace))
        if found is None:
            found = self._destinations[kind, namespace] = tuple(
                name for name, wanted in self._wanted.items() if wanted.includes(kind, namespace)
            )
        return found


def namespace_of(channel: str) -> str:
    """What stands before the first colon; "" where there is none."""
    return channel.partition(":")[0] if ":" in channel else ""


class _Typed(Struct):
    type: str = ""


def type_in(data: bytes) -> str:
    """A KindOf for events that name their type."""
    return msgspec.json.decode(data, type=_Typed).type


NO_SINKS: Final = Tap({}, {})
