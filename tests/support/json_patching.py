"""What merge patches and JSON patches do, by other hands than the server's: the RFC's pseudo-code, and `jsonpatch`."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import jsonpointer

ABSENT: Any = object()
"""The value of a document that is not there."""


class DoesNotApply(Exception):
    """The patch does not apply to this value."""


def merged(value: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    target = dict(value) if isinstance(value, dict) else {}
    for name, member in patch.items():
        if member is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), member)
    return target


def patched(value: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902 as the library `jsonpatch` does it. Raises: DoesNotApply."""
    try:
        return jsonpatch.apply_patch(copy.deepcopy(value), operations)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, IndexError) as exc:
        raise DoesNotApply(str(exc)) from exc


def mutated(value: Any, kind: str, patch: Any) -> Any:
    """What a mutation makes of a value, which may be ABSENT. Raises: DoesNotApply."""
    match kind:
        case "replace":
            return patch
        case "merge":
            return merged(value, patch)
        case "remove" if value is not ABSENT:
            return ABSENT
        case "patch" if value is not ABSENT:
            return patched(value, patch)
    raise DoesNotApply(kind)
