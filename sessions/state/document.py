"""What is told about documents, in the form in which it goes out (docs/sessions.md section 3)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, field

from hub.protocol.messages import OptionalRaw

MutationKind = Literal["replace", "merge", "patch", "remove"]


class Document(Struct, frozen=True, kw_only=True):
    """A document as it is now. Without `value` it is not there; `version` then is 0, or not below its removal's."""

    key: str
    version: int
    value: OptionalRaw = UNSET
    epoch: str


class DocumentInfo(Struct, frozen=True, kw_only=True):
    key: str
    version: int
    size_bytes: int = field(name="bytes")
    updated_ms: int = field(name="updated_at")


class Change(Struct, frozen=True, kw_only=True):
    """An accepted mutation. `patch` is raw JSON, absent for a removal; `device` is the writer's `did`."""

    version: int
    kind: MutationKind
    patch: OptionalRaw = UNSET
    mutation: str
    device: str
    at_ms: int = field(name="at")


class Changes(Struct, frozen=True, kw_only=True):
    """The log after some version, oldest first.

    Attributes:
        version: the document's; when the last change is below it there are more to ask for.
        is_complete: False when the log no longer reaches back: get the document instead.
    """

    key: str
    version: int
    epoch: str
    changes: list[Change]
    is_complete: bool = field(name="complete")


class Mutated(Struct, frozen=True, kw_only=True):
    """The answer to a mutation that has been applied, now or when its id was first used."""

    key: str
    version: int
    mutation: str
    epoch: str


class Published(Struct, frozen=True, kw_only=True):
    """A change as the user's devices receive it on `state:<key>#<user>`."""

    version: int
    kind: MutationKind
    patch: OptionalRaw = UNSET
    mutation: str
    device: str
    epoch: str
