"""Shared state: documents in and out as the bytes they are, versions as entity tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from aiohttp import web
from msgspec import UNSET, Meta, Struct

from api.rest.body import JSON, RawBody
from api.rest.conditions import base_version_of, etag, is_unchanged
from api.rest.operation import Operation, answer
from services.accounts.permissions import Action
from sessions.identifiers import new_id
from sessions.refusal import Kind, Refusal
from sessions.state.document import Changes, Mutated
from sessions.state.mutation import Mutation, require_key
from sessions.state.rpc import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.rest.operation import AnyOperation, Call
    from sessions.state.document import MutationKind
    from sessions.state.documents import StateDocuments

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"

KIND_OF_PATCH: Final[Mapping[str, MutationKind]] = {MERGE_PATCH: "merge", JSON_PATCH: "patch"}

EPOCH_HEADER: Final = "Syncline-Epoch"
MUTATION_HEADER: Final = "Idempotency-Key"

_MUTATION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Version = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class WriteQuery(Struct, forbid_unknown_fields=True):
    base_version: Version | None = None


class ChangesQuery(Struct, forbid_unknown_fields=True):
    since: Version = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class StateRoutes:
    """One's own documents; nobody reads another's, administrators included.

    Args:
        max_document_bytes: of a value, and of a patch.
    """

    def __init__(self, documents: StateDocuments, max_document_bytes: int) -> None:
        self._documents = documents
        self._max_bytes = max_document_bytes

    def operations(self) -> tuple[AnyOperation, ...]:
        return self._reads() + self._writes()

    def _reads(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listDocuments",
                method="GET",
                path="/v1/state",
                summary="One's documents, without their values.",
                handler=self.list_documents,
                action=Action.STATE_READ,
                answers={200: Listing},
            ),
            Operation(
                id="getDocument",
                method="GET",
                path="/v1/state/{key}",
                summary="A document's value; its version is the ETag.",
                handler=self.get,
                action=Action.STATE_READ,
                answers={200: Any, 304: None},
                problems=(404,),
            ),
            Operation(
                id="listChanges",
                method="GET",
                path="/v1/state/{key}/changes",
                summary="The mutations after a version, oldest first.",
                handler=self.changes,
                query=ChangesQuery,
                action=Action.STATE_READ,
                answers={200: Changes},
            ),
        )

    def _writes(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="replaceDocument",
                method="PUT",
                path="/v1/state/{key}",
                summary="Give a document another value.",
                handler=self.replace,
                body=RawBody((JSON,), self._max_bytes),
                query=WriteQuery,
                action=Action.STATE_WRITE,
                answers={200: Mutated},
                problems=(409, 412, 422),
            ),
            Operation(
                id="patchDocument",
                method="PATCH",
                path="/v1/state/{key}",
                summary="Change a document by a JSON Merge Patch (RFC 7396) or a JSON Patch (RFC 6902).",
                handler=self.patch,
                body=RawBody((MERGE_PATCH, JSON_PATCH), self._max_bytes),
                query=WriteQuery,
                action=Action.STATE_WRITE,
                answers={200: Mutated},
                problems=(409, 412, 422),
            ),
            Operation(
                id="removeDocument",
                method="DELETE",
                path="/v1/state/{key}",
                summary="Remove a document.",
                handler=self.remove,
                query=WriteQuery,
                action=Action.STATE_WRITE,
                answers={200: Mutated},
                problems=(404, 409, 412, 422),
            ),
        )

    # --- reads ------------------------------------------------------------------------------------------------------

    async def list_documents(self, call: Call[None, None]) -> web.Response:
        documents = await self._documents.list(call.caller.user)
        return answer(Listing(self._documents.epoch, documents))

    async def get(self, call: Call[None, None]) -> web.Response:
        key = _key(call)
        document = await self._documents.get(call.caller.user, key)
        if document.value is UNSET:
            raise Refusal(Kind.NOT_FOUND, "not_found")
        headers = {"ETag": etag(document.version), EPOCH_HEADER: document.epoch}
        if is_unchanged(call.request, document.version):
            return web.Response(status=304, headers=headers)
        return web.Response(body=bytes(document.value), content_type=JSON, headers=headers)

    async def changes(self, call: Call[None, ChangesQuery]) -> web.Response:
        key, query = _key(call), call.query
        return answer(await self._documents.changes(call.caller.user, key, query.since, query.limit))

    # --- writes -----------------------------------------------------------------------------------------------------

    async def replace(self, call: Call[bytes, WriteQuery]) -> web.Response:
        return await self._mutate(call, "replace", call.body)

    async def patch(self, call: Call[bytes, WriteQuery]) -> web.Response:
        return await self._mutate(call, KIND_OF_PATCH[call.request.content_type], call.body)

    async def remove(self, call: Call[None, WriteQuery]) -> web.Response:
        return await self._mutate(call, "remove", b"")

    async def _mutate(self, call: Call[Any, WriteQuery], kind: MutationKind, patch: bytes) -> web.Response:
        by_header = base_version_of(call.request)
        if by_header is not None and call.query.base_version is not None:
            raise Refusal(Kind.INVALID, "invalid_field", "excludes If-Match and If-None-Match", "base_version")
        mutation = Mutation(
            key=_key(call),
            id=_mutation_id(call.request),
            device=call.caller.did,
            kind=kind,
            patch=patch,
            base_version=call.query.base_version if by_header is None else by_header,
        )
        try:
            mutated = await self._documents.mutate(call.caller.user, mutation)
        except Refusal as refusal:
            raise _as_precondition(refusal) if by_header is not None else refusal from None
        return answer(mutated, headers={"ETag": etag(mutated.version), EPOCH_HEADER: mutated.epoch})


def _key(call: Call[Any, Any]) -> str:
    key = call.path("key")
    require_key(key)
    return key


def _mutation_id(request: web.Request) -> str:
    """The client's id for the write, so that it can be repeated; without one, ours, and then it cannot."""
    given = request.headers.getall(MUTATION_HEADER, [])
    if not given:
        return new_id()
    if len(given) > 1 or _MUTATION.fullmatch(given[0]) is None:
        raise Refusal(Kind.INVALID, "invalid_field", "1 to 64 characters of A-Z a-z 0-9 _ -", MUTATION_HEADER)
    return given[0]


def _as_precondition(refusal: Refusal) -> Refusal:
    """What was asked for by `If-Match` fails as a precondition does."""
    if refusal.kind is not Kind.CONFLICT:
        return refusal
    return Refusal(Kind.PRECONDITION, refusal.code, refusal.detail, refusal.field, extra=refusal.extra)
