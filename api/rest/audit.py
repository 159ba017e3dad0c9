"""The audit trail, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from api.rest.operation import Access, Operation, answer
from api.rest.shapes import PRINTABLE, Cursor, PageSize
from services.accounts.permissions import Action

if TYPE_CHECKING:
    from aiohttp import web

    from api.rest.operation import AnyOperation, Call
    from sessions.audit import Audit, AuditEntry


class AuditQuery(Struct, forbid_unknown_fields=True):
    subject: Annotated[str, Meta(max_length=255, pattern=PRINTABLE)] = ""
    cursor: Cursor = ""
    limit: PageSize = 50


class Entry(Struct):
    """One entry; `actor` is a user's id or the name of a part of the system."""

    id: str
    at: int
    action: str
    actor: str
    subject: str
    session: str
    address: str
    detail: dict[str, Any]


class EntryPage(Struct):
    entries: list[Entry]
    next_cursor: str | UnsetType = UNSET


class AuditRoutes:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listAudit",
                method="GET",
                path="/v1/audit",
                summary="What happened, newest first; to one user with `subject`.",
                handler=self.list_page,
                query=AuditQuery,
                access=Access.ANYBODYS,
                action=Action.AUDIT_READ,
                answers={200: EntryPage},
            ),
        )

    async def list_page(self, call: Call[None, AuditQuery]) -> web.Response:
        query = call.query
        page = await self._audit.list(query.subject, query.cursor, query.limit)
        return answer(EntryPage([_shape(entry) for entry in page.entries], page.next_cursor or UNSET))


def _shape(entry: AuditEntry) -> Entry:
    return Entry(
        id=entry.id,
        at=entry.at_ms,
        action=entry.action,
        actor=entry.actor,
        subject=entry.subject,
        session=entry.session,
        address=entry.address,
        detail=dict(entry.detail),
    )
