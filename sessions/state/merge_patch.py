"""JSON Merge Patch, RFC 7396. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from sessions.state.json_tree import NULL, OBJECT, Tree, kind_of, opened


def merge(value: Tree | None, patch: Raw) -> Tree:
    """What `value` (None: not there) becomes. It is not changed, and keeps its spelling where the patch is silent.

    A null in the patch removes the member, in objects that are new as well.
    """
    members = opened(patch)
    if not isinstance(members, dict):
        return patch
    merged = _members_of(value)
    for name, member in members.items():
        if member == NULL:
            merged.pop(name, None)
        elif kind_of(member) == OBJECT:  # the only thing that goes deeper
            merged[name] = merge(merged.get(name), member)
        else:
            merged[name] = member
    return merged


def _members_of(value: Tree | None) -> dict[str, Any]:
    members = None if value is None else opened(value)
    return dict(members) if isinstance(members, dict) else {}
