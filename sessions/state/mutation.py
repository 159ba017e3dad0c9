"""One mutation: what a device asks for, checked, and what it does to a value. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec import Raw

from sessions.refusal import Kind, Refusal
from sessions.state.json_patch import BadPatch, PatchFailed, apply_patch, read_patch
from sessions.state.json_tree import BadJSON, clean_json, encoded, require_depth
from sessions.state.merge_patch import merge

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessions.config import StateConfig
    from sessions.state.document import MutationKind

_KEY = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,64}", re.ASCII)  # `.` and `..` cannot be a segment of a path
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mutation:
    """What a device asks for.

    Attributes:
        id: the device's own name for it, one of its user's; repeated, it counts once and gets the same answer.
        device: the `did` of who asks.
        patch: raw JSON: the value of a replace, a merge patch, the operations of a patch; b"" for a removal.
        base_version: apply it to this version only; 0: only if the document is not there; None: to whatever is there.
    """

    key: str
    id: str
    device: str
    kind: MutationKind
    patch: bytes = b""
    base_version: int | None = None

    def digest(self) -> str:
        """The same for the same content, whatever its base: a rebase is still the same mutation."""
        content = b"\0".join((self.key.encode(), self.kind.encode(), self.patch))
        return hashlib.blake2b(content, digest_size=16).hexdigest()


def require_key(key: str) -> None:
    """Raises: Refusal: INVALID invalid_field."""
    if _KEY.fullmatch(key) is None:
        raise Refusal(Kind.INVALID, "invalid_field", "1 to 64 characters of A-Z a-z 0-9 _ . -", "key")


def checked(mutation: Mutation, config: StateConfig) -> Mutation:
    """The mutation with its patch in the one spelling that is stored and published.

    Raises:
        Refusal: INVALID invalid_field, invalid_json or invalid_patch; TOO_LARGE too_large.
    """
    require_key(mutation.key)
    if _ID.fullmatch(mutation.id) is None:
        raise Refusal(Kind.INVALID, "invalid_field", "1 to 64 characters of A-Z a-z 0-9 _ -", "mutation")
    if mutation.base_version is not None and not 0 <= mutation.base_version < 1 << 53:
        raise Refusal(Kind.INVALID, "invalid_field", "a version is not negative", "base_version")
    if mutation.kind == "remove":
        return mutation if not mutation.patch else replace(mutation, patch=b"")
    if len(mutation.patch) > config.max_document_bytes:
        raise Refusal(Kind.TOO_LARGE, "too_large", f"at most {config.max_document_bytes} bytes", _FIELD[mutation.kind])
    patch = _clean(mutation, config)
    return mutation if patch == mutation.patch else replace(mutation, patch=patch)


_FIELD = {"replace": "value", "merge": "patch", "patch": "patch"}


def _clean(mutation: Mutation, config: StateConfig) -> bytes:
    field = _FIELD[mutation.kind]
    try:
        patch = clean_json(mutation.patch, config.max_depth + (mutation.kind == "patch") * 2)  # operations add two
        if mutation.kind == "patch":
            read_patch(patch, config.max_patch_operations)
    except BadJSON as exc:
        raise Refusal(Kind.INVALID, "invalid_json", str(exc), field) from exc
    except BadPatch as exc:
        raise Refusal(Kind.INVALID, "invalid_patch", str(exc), _at(field, exc.index)) from exc
    return patch


def applied(mutation: Mutation, value: bytes | None, config: StateConfig) -> bytes | None:
    """What a document's value (None: not there) becomes; `mutation` has been `checked`.

    Raises:
        Refusal: NOT_FOUND not_found: nothing to remove; INVALID patch_failed; TOO_LARGE too_large.
    """
    if mutation.kind == "remove":
        if value is None:
            raise Refusal(Kind.NOT_FOUND, "not_found")
        return None
    try:
        result = _APPLY[mutation.kind](None if value is None else Raw(value), mutation.patch, config)
    except PatchFailed as exc:
        raise Refusal(Kind.INVALID, "patch_failed", str(exc), _at("patch", exc.index)) from exc
    if len(result) > config.max_document_bytes:
        raise Refusal(Kind.TOO_LARGE, "too_large", f"at most {config.max_document_bytes} bytes")
    return result


def _replaced(value: Raw | None, patch: bytes, config: StateConfig) -> bytes:  # noqa: ARG001  # table signature
    return patch


def _merged(value: Raw | None, patch: bytes, config: StateConfig) -> bytes:  # noqa: ARG001  # table signature
    return encoded(merge(value, Raw(patch)))  # no deeper than the deeper of the two


def _patched(value: Raw | None, patch: bytes, config: StateConfig) -> bytes:
    result = encoded(apply_patch(value, read_patch(patch, config.max_patch_operations)))
    try:
        require_depth(result, config.max_depth)
    except BadJSON as exc:
        raise PatchFailed(str(exc)) from exc
    return result


_APPLY: dict[str, Callable[[Raw | None, bytes, StateConfig], bytes]] = {
    "replace": _replaced,
    "merge": _merged,
    "patch": _patched,
}


def _at(field: str, index: int) -> str:
    return field if index < 0 else f"{field}.{index}"
