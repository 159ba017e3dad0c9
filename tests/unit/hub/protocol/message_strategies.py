"""Any message of the protocol, for hypothesis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from msgspec import UNSET, Raw, Struct, UnsetType

from hub.protocol import messages

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# A lone surrogate is no text: neither UTF-8 nor a JSON decoder lets one through.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)

JSON_VALUES: SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
"""Without null, so that a null found in a message is the message's own."""


def _raw(value: object, *, is_ascii: bool) -> Raw:
    return Raw(json.dumps(value, ensure_ascii=is_ascii).encode())


RAWS = st.builds(_raw, JSON_VALUES, is_ascii=st.booleans())

UINT32S = st.integers(0, 2**32 - 1)
UINT64S = st.integers(0, 2**63 - 1)


def _or_unset(strategy: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.just(UNSET) | strategy


def _of_type(kind: object) -> SearchStrategy[Any]:
    """Values of one field of a message."""
    return st.deferred(lambda: _FIELDS[kind])


def structs(kind: type[Struct]) -> SearchStrategy[Any]:
    """Messages of one type, each field anything that its annotation allows."""
    return st.builds(kind, **{name: _of_type((kind.__name__, name)) for name in kind.__struct_fields__})


def _annotations(kind: type[Struct]) -> dict[str, Any]:
    return {
        name: text for base in reversed(kind.__mro__) for name, text in vars(base).get("__annotations__", {}).items()
    }


def _strategy(annotation: str) -> SearchStrategy[Any]:
    """Annotations of hub.protocol.messages are text, in a small language."""
    kind, *alternatives = annotation.split(" | ")
    if alternatives:
        assert alternatives == [UnsetType.__name__]
        return _or_unset(_strategy(kind))
    if kind.startswith("list["):
        return st.lists(_strategy(kind[5:-1]), max_size=3)
    if kind.startswith("dict[str, "):
        return st.dictionaries(TEXTS, _strategy(kind[10:-1]), max_size=3)
    if kind in _ATOMS:
        return _ATOMS[kind]
    return structs(getattr(messages, kind))


_ATOMS: dict[str, SearchStrategy[Any]] = {
    "str": TEXTS,
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "UInt32": UINT32S,
    "UInt64": UINT64S,
    "Raw": RAWS,
    "OptionalRaw": _or_unset(RAWS),
}

MESSAGES: dict[str, type[Struct]] = {
    name: kind
    for name, kind in vars(messages).items()
    if isinstance(kind, type) and issubclass(kind, Struct) and kind is not Struct
}

_FIELDS: dict[object, SearchStrategy[Any]] = {
    (name, field): _strategy(text) for name, kind in MESSAGES.items() for field, text in _annotations(kind).items()
}

COMMANDS: SearchStrategy[messages.Command] = structs(messages.Command)
REPLIES: SearchStrategy[messages.Reply] = structs(messages.Reply)
PUBLICATIONS: SearchStrategy[messages.Publication] = structs(messages.Publication)
