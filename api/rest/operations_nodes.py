"""Nodes, log lines, traces and settings, for operators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta, Struct

from api.rest.operation import Access, Operation, answer
from api.rest.shapes import PRINTABLE
from services.accounts.permissions import Action
from services.operations.questions import LinesWanted
from services.operations.views import LogsView, NodesView, SettingsView, TracesView, TraceView
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from aiohttp import web

    from api.rest.operation import AnyOperation, Call
    from services.operations.service import Operations

Text = Annotated[str, Meta(max_length=200, pattern=PRINTABLE)]
Limit = Annotated[int, Meta(ge=1, le=1_000)]

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


class LinesQuery(Struct, forbid_unknown_fields=True):
    level: Literal["", "debug", "info", "warning", "error", "critical"] = ""
    text: Text = ""
    node: Text = ""
    limit: Limit = 200


class TracesQuery(Struct, forbid_unknown_fields=True):
    text: Text = ""
    channel: Annotated[str, Meta(max_length=1_024)] = ""
    errors_only: bool = False
    min_ms: Annotated[float, Meta(ge=0)] = 0
    limit: Limit = 100


class NodeRoutes:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listNodes",
                method="GET",
                path="/v1/ops/nodes",
                summary="All nodes, with what they count and how they are.",
                handler=self.nodes,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: NodesView},
                is_internal=True,
            ),
            Operation(
                id="listLogLines",
                method="GET",
                path="/v1/ops/logs",
                summary="The last log lines of all nodes, newest first.",
                handler=self.logs,
                query=LinesQuery,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: LogsView},
                is_internal=True,
            ),
            Operation(
                id="getSettings",
                method="GET",
                path="/v1/ops/settings",
                summary="The settings in force on the node that answers, secrets masked.",
                handler=self.settings,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: SettingsView},
                is_internal=True,
            ),
            *self._of_traces(),
        )

    def _of_traces(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listTraces",
                method="GET",
                path="/v1/ops/traces",
                summary="The last traces that all nodes have in memory, newest first.",
                handler=self.traces,
                query=TracesQuery,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: TracesView},
                is_internal=True,
            ),
            Operation(
                id="getTrace",
                method="GET",
                path="/v1/ops/traces/{trace_id}",
                summary="The spans of one trace, of all nodes.",
                handler=self.trace,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: TraceView},
                problems=(404,),
                is_internal=True,
            ),
        )

    async def nodes(self, call: Call[None, None]) -> web.Response:  # noqa: ARG002  # handler signature
        return answer(await self._operations.nodes())

    async def logs(self, call: Call[None, LinesQuery]) -> web.Response:
        query = call.query
        return answer(await self._operations.logs(LinesWanted(query.level, query.text, query.node, query.limit)))

    async def settings(self, call: Call[None, None]) -> web.Response:  # noqa: ARG002  # handler signature
        return answer(self._operations.settings())

    async def traces(self, call: Call[None, TracesQuery]) -> web.Response:
        return answer(await self._operations.traces(call.query, call.query.limit))

    async def trace(self, call: Call[None, None]) -> web.Response:
        trace_id = call.path("trace_id").lower()
        if _TRACE_ID.fullmatch(trace_id) is None:
            raise Refusal(Kind.NOT_FOUND, "not_found")
        return answer(await self._operations.trace(trace_id))
