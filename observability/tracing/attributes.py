"""What of an attribute may be told: masked, and not longer than anybody reads."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from observability.masking import mask_text, mask_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.tracing import Attribute

MAX_CHARS: Final = 1_024
"""Of one value, and of the text of an error."""

_CUT: Final = "…"


_OURS: Final = frozenset({
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "messaging.batch.message_count",
    "messaging.destination.template",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.system",
    "syncline.congested",
    "syncline.offset",
    "syncline.subscribers",
    "syncline.writes",
    "url.path",
    "url.scheme",
})  # fmt: skip
"""Whose values are words and figures of ours, whatever a stranger sends: `url.path` is the route's template."""


def told_attributes(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {name: value if name in _OURS else told_value(name, value) for name, value in attributes.items()}


def told_value(name: str, value: Attribute) -> Attribute:
    if isinstance(value, str) and len(value) > MAX_CHARS:
        return _masked(name, value)  # not to be remembered: the cache would grow with what strangers send
    return _remembered(name, value)


def told_text(text: str) -> str:
    return _cut(mask_text(text))


def _masked(name: str, value: Attribute) -> Attribute:
    told = mask_value(name, value)
    if isinstance(told, int | float):
        return told
    return _cut(str(told))  # after masking: half a secret is found by no rule


_remembered = lru_cache(maxsize=1_024, typed=True)(_masked)  # masking costs 5 to 10 µs, and most values are our words


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + _CUT
