"""JSON Patch, RFC 6902, with JSON Pointer, RFC 6901. Pure.

All operations apply, or none. Work is bounded: by the number of operations, and by the bytes that `copy` may make,
because each copy could double the document. Names such as `__proto__` are names like any other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from sessions.state.json_tree import Tree, encoded, is_equal, opened

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_COPIED_BYTES = 256 * 1024

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")
_OPERATIONS = msgspec.json.Decoder(list[Raw])

Pointer = tuple[str, ...]


class BadPatch(ValueError):
    """It is no JSON Patch. `index` of the operation, -1 for the patch as a whole."""

    def __init__(self, text: str, index: int = -1) -> None:
        super().__init__(text)
        self.index = index


class PatchFailed(ValueError):
    """It is one, and does not apply to this document. `index` names the operation."""

    def __init__(self, text: str, index: int = -1) -> None:
        super().__init__(text)
        self.index = index


class Operation(Struct, frozen=True):
    """One operation. Members that the RFC does not define are ignored, as it says."""

    op: str
    path: str
    value: Raw | UnsetType = UNSET
    source: str | UnsetType = msgspec.field(default=UNSET, name="from")


_OPERATION = msgspec.json.Decoder(Operation)


def read_patch(patch: bytes, max_operations: int) -> list[Operation]:
    """Raises: BadPatch."""
    try:
        items = _OPERATIONS.decode(patch)
    except msgspec.ValidationError as exc:
        raise BadPatch("a patch is an array of operations") from exc
    if len(items) > max_operations:
        raise BadPatch(f"more than {max_operations} operations")
    return [_read_operation(item, index) for index, item in enumerate(items)]


def _read_operation(item: Raw, index: int) -> Operation:
    try:
        operation = _OPERATION.decode(item)
    except msgspec.ValidationError as exc:
        raise BadPatch(str(exc), index) from exc
    if operation.op not in _APPLY:
        raise BadPatch("unknown op", index)
    if operation.op in _NEEDS_VALUE and operation.value is UNSET:
        raise BadPatch("value is missing", index)
    if operation.op in _NEEDS_SOURCE and operation.source is UNSET:
        raise BadPatch("from is missing", index)
    for pointer in (operation.path, operation.source or ""):
        if (pointer and pointer[0] != "/") or _BAD_ESCAPE.search(pointer):
            raise BadPatch("not a JSON Pointer", index)
    return operation


def apply_patch(value: Raw | None, operations: list[Operation]) -> Tree:
    """What `value` (None: not there) becomes.

    Raises:
        PatchFailed: an operation does not apply, or nothing is left: removal has a mutation of its own.
    """
    patching = _Patching(value)
    for index, operation in enumerate(operations):
        try:
            _APPLY[operation.op](patching, operation)
        except PatchFailed as exc:
            exc.index = index
            raise
    if "" not in patching.holder:
        raise PatchFailed("the patch leaves no document")
    result: Tree = patching.holder[""]
    return result


class _Patching:
    """A document being patched. It is the member "" of `holder`, so that the root is like any other place."""

    def __init__(self, value: Raw | None) -> None:
        self.holder: dict[str, Any] = {} if value is None else {"": value}
        self.copied_bytes = 0

    def place(self, pointer: str) -> tuple[Any, str]:
        """The open container, and the name or index in it."""
        container: Any = self.holder
        *path, last = _tokens(pointer)
        for token in path:
            container = self._open(container, token)
        return container, last

    def _open(self, container: Any, token: str) -> Any:
        """The child, opened in place, so that what is done to it is done to the document."""
        where = _existing(container, token)
        child = container[where] = opened(container[where])
        if child is None:
            raise PatchFailed(f"nothing can be inside {token[:64]!r}")
        return child

    def get(self, pointer: str) -> Any:
        container, last = self.place(pointer)
        return container[_existing(container, last)]

    def add(self, pointer: str, value: Any) -> None:
        container, last = self.place(pointer)
        if isinstance(container, dict):
            container[last] = value
            return
        index = len(container) if last == "-" else _index(last)
        if index > len(container):
            raise PatchFailed(f"index {index} is beyond the end")
        container.insert(index, value)

    def pop(self, pointer: str) -> Any:
        container, last = self.place(pointer)
        return container.pop(_existing(container, last))


def _add(patching: _Patching, operation: Operation) -> None:
    patching.add(operation.path, operation.value)


def _remove(patching: _Patching, operation: Operation) -> None:
    patching.pop(operation.path)


def _replace(patching: _Patching, operation: Operation) -> None:
    container, last = patching.place(operation.path)
    container[_existing(container, last)] = operation.value


def _move(patching: _Patching, operation: Operation) -> None:
    source = str(operation.source)
    if operation.path.startswith(f"{source}/"):
        raise PatchFailed("a value cannot be moved into itself")
    patching.add(operation.path, patching.pop(source))


def _copy(patching: _Patching, operation: Operation) -> None:
    value = Raw(encoded(patching.get(str(operation.source))))
    patching.copied_bytes += len(bytes(value))
    if patching.copied_bytes > MAX_COPIED_BYTES:
        raise PatchFailed(f"copies more than {MAX_COPIED_BYTES} bytes")
    patching.add(operation.path, value)


def _test(patching: _Patching, operation: Operation) -> None:
    assert isinstance(operation.value, Raw)
    if not is_equal(patching.get(operation.path), operation.value):
        raise PatchFailed("the test failed")


_APPLY: dict[str, Callable[[_Patching, Operation], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
_NEEDS_VALUE = {"add", "replace", "test"}
_NEEDS_SOURCE = {"move", "copy"}


def _tokens(pointer: str) -> list[str]:
    """Unescaped; the first one is "", for the document itself."""
    if "~" not in pointer:
        return pointer.split("/")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")]


def _existing(container: Any, token: str) -> str | int:
    """The name or index of something that is there."""
    if isinstance(container, dict):
        if token in container:
            return token
    elif (index := _index(token)) < len(container):
        return index
    raise PatchFailed(f"{token[:64]!r} is not there")


def _index(token: str) -> int:
    if _INDEX.fullmatch(token) is None:
        raise PatchFailed(f"{token[:64]!r} is not an index")
    return int(token)
