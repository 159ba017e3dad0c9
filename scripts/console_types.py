"""The console's types, made from what the server answers: `python -m scripts.console_types > console/src/types.ts`."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from services.operations import views

HEADER: Final = """\
// Generated from services/operations/views.py by `python -m scripts.console_types`: edit that. Its comments say more.
import type { Json } from "syncline";
"""

_NAMES: Final[dict[Any, str]] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    Any: "Json",
    msgspec.Raw: "Json",
}


def document() -> str:
    """The whole of that file."""
    structs = [value for value in vars(views).values() if _is_struct(value)]
    return "\n".join([HEADER, *("\n".join(interface(struct)) + "\n" for struct in structs)])


def _is_struct(value: object) -> typing.TypeGuard[type[msgspec.Struct]]:
    return isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct


def interface(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Lines. What the server tells is always there; what it takes, or leaves out as a default, may be absent."""
    config = struct.__struct_config__
    may_be_absent = config.omit_defaults or config.forbid_unknown_fields
    hints = typing.get_type_hints(struct)
    yield f"export interface {struct.__name__} {{"
    for field in msgspec.structs.fields(struct):
        mark = "?" if may_be_absent and not field.required else ""
        yield f"  {field.encode_name}{mark}: {_type(hints[field.name])};"
    yield "}"


def _type(hint: Any) -> str:
    if hint in _NAMES:
        return _NAMES[hint]
    if _is_struct(hint):
        return hint.__name__
    return _composed(typing.get_origin(hint), typing.get_args(hint))


def _composed(origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in arguments)
    if origin is list:
        item = _type(arguments[0])
        return f"({item})[]" if "|" in item else f"{item}[]"
    if origin is dict:
        return f"Record<string, {_type(arguments[1])}>"
    if origin in (types.UnionType, typing.Union):
        members = [_type(member) for member in arguments if member is not msgspec.UnsetType]
        return " | ".join(dict.fromkeys(members))
    raise TypeError(f"no type of TypeScript is known for {origin} of {arguments}")


if __name__ == "__main__":
    print(document(), end="")
