"""Live connections and the sessions behind them, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from aiohttp import web
from msgspec import Meta, Struct

from api.rest.body import JSONBody
from api.rest.operation import Access, Operation, answer
from api.rest.path_variables import identifier
from api.rest.shapes import PRINTABLE
from services.accounts.permissions import Action
from services.operations.questions import MAX_CONNECTIONS, ConnectionsWanted
from services.operations.service import Actor
from services.operations.views import ConnectionsView, Disconnection

if TYPE_CHECKING:
    from typing import Any

    from api.rest.operation import AnyOperation, Call
    from services.operations.service import Operations

Beginning = Annotated[str, Meta(max_length=255, pattern=PRINTABLE)]


class ConnectionsQuery(Struct, forbid_unknown_fields=True):
    """What the values begin with; `node` is a uid or a name, whole."""

    user: Beginning = ""
    device: Beginning = ""
    session: Beginning = ""
    client: Beginning = ""
    node: Beginning = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_CONNECTIONS)] = 100


class ConnectionRoutes:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listConnections",
                method="GET",
                path="/v1/ops/connections",
                summary="Live connections on all nodes, newest first.",
                handler=self.list,
                query=ConnectionsQuery,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: ConnectionsView},
                is_internal=True,
            ),
            Operation(
                id="disconnectClient",
                method="POST",
                path="/v1/ops/connections/disconnect",
                summary="Close a connection, wherever it is.",
                handler=self.disconnect,
                body=JSONBody(Disconnection),
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_DISCONNECT,
                answers={204: None},
                is_internal=True,
            ),
            Operation(
                id="revokeAnySession",
                method="POST",
                path="/v1/ops/sessions/{sid}/revoke",
                summary="End a login session and its connections.",
                handler=self.revoke,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_REVOKE,
                answers={204: None},
                problems=(404,),
                is_internal=True,
            ),
        )

    async def list(self, call: Call[None, ConnectionsQuery]) -> web.Response:
        query = call.query
        wanted = ConnectionsWanted(query.user, query.device, query.session, query.client, query.node, query.limit)
        return answer(await self._operations.connections(wanted))

    async def disconnect(self, call: Call[Disconnection, None]) -> web.Response:
        await self._operations.disconnect(call.body, actor_of(call))
        return web.Response(status=204)

    async def revoke(self, call: Call[None, None]) -> web.Response:
        await self._operations.revoke_session(identifier(call, "sid"), actor_of(call))
        return web.Response(status=204)


def actor_of(call: Call[Any, Any]) -> Actor:
    return Actor(call.caller, call.address)
