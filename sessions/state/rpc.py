"""Shared state on a live connection: the methods `state.*` (docs/sessions.md section 4).

Each takes whom the connection acts for and the raw data of the call, and returns what is to be encoded. Refusals are
raised: `sessions.rpc` registers the methods and turns them into protocol errors. A conflict is an answer, because
protocol errors carry no document.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Raw, Struct

from sessions.principal import Principal
from sessions.refusal import Kind, Refusal
from sessions.state.document import DocumentInfo, MutationKind
from sessions.state.documents import DEFAULT_CHANGES
from sessions.state.mutation import Mutation

if TYPE_CHECKING:
    from sessions.state.document import Changes, Document
    from sessions.state.documents import StateDocuments

StateMethod = Callable[[Principal, bytes], Awaitable[object]]

T = TypeVar("T")


class _Nothing(Struct, forbid_unknown_fields=True):
    pass


class _Get(Struct, forbid_unknown_fields=True):
    key: str


class _Changes(Struct, forbid_unknown_fields=True):
    key: str
    since: int
    limit: int = DEFAULT_CHANGES


class _Mutate(Struct, forbid_unknown_fields=True, kw_only=True):
    key: str
    mutation: str
    base_version: int | None = None

    def content(self) -> bytes:
        return b""


class _Replace(_Mutate, forbid_unknown_fields=True, kw_only=True):
    value: Raw

    def content(self) -> bytes:
        return bytes(self.value)


class _Patch(_Mutate, forbid_unknown_fields=True, kw_only=True):
    patch: Raw

    def content(self) -> bytes:
        return bytes(self.patch)


class Listing(Struct, frozen=True):
    """The answer of `state.list`, and of its REST twin."""

    epoch: str
    documents: list[DocumentInfo]


def state_methods(documents: StateDocuments) -> dict[str, StateMethod]:
    """The methods by name.

    They raise:
        Refusal, StorageUnavailable
    """

    async def list_(principal: Principal, data: bytes) -> Listing:
        _read(_Nothing, data)
        return Listing(documents.epoch, await documents.list(principal.user))

    async def get(principal: Principal, data: bytes) -> Document:
        return await documents.get(principal.user, _read(_Get, data).key)

    async def changes(principal: Principal, data: bytes) -> Changes:
        request = _read(_Changes, data)
        return await documents.changes(principal.user, request.key, request.since, request.limit)

    return {
        "state.list": list_,
        "state.get": get,
        "state.changes": changes,
        "state.replace": _mutating(documents, "replace", _Replace),
        "state.merge": _mutating(documents, "merge", _Patch),
        "state.patch": _mutating(documents, "patch", _Patch),
        "state.remove": _mutating(documents, "remove", _Mutate),
    }


def _mutating(documents: StateDocuments, kind: MutationKind, shape: type[_Mutate]) -> StateMethod:
    async def mutate(principal: Principal, data: bytes) -> object:
        request = _read(shape, data)
        mutation = Mutation(
            key=request.key,
            id=request.mutation,
            device=principal.did,
            kind=kind,
            patch=request.content(),
            base_version=request.base_version,
        )
        try:
            return await documents.mutate(principal.user, mutation)
        except Refusal as exc:
            if exc.kind is not Kind.CONFLICT:
                raise
            return {"conflict": exc.extra["current"]}

    return mutate


def _read(shape: type[T], data: bytes) -> T:
    try:
        return msgspec.json.decode(data or b"{}", type=shape)
    except msgspec.ValidationError as exc:
        path = str(exc).rpartition("`$.")[2].rstrip("`") if "`$." in str(exc) else ""
        raise Refusal(Kind.INVALID, "invalid_field", str(exc), path) from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        raise Refusal(Kind.INVALID, "invalid_json") from exc
