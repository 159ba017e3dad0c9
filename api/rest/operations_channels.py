"""Channels, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from api.rest.body import JSONBody
from api.rest.operation import Access, Operation, answer
from api.rest.operations_connections import actor_of
from services.accounts.permissions import Action
from services.operations.channel_views import MAX_HISTORY
from services.operations.views import ChannelDetailView, ChannelsView, HistoryView, PublishedView, TestPublication

if TYPE_CHECKING:
    from aiohttp import web

    from api.rest.operation import AnyOperation, Call
    from services.operations.service import Operations

Name = Annotated[str, Meta(min_length=1, max_length=1_024)]


class ChannelsQuery(Struct, forbid_unknown_fields=True):
    """`pattern` as of a shell's file names; without any of `*?[`, what names contain."""

    pattern: Annotated[str, Meta(max_length=255)] = ""
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 200


class ChannelQuery(Struct, forbid_unknown_fields=True):
    name: Name


class HistoryQuery(Struct, forbid_unknown_fields=True):
    name: Name
    limit: Annotated[int, Meta(ge=1, le=MAX_HISTORY)] = 50


class ChannelRoutes:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listChannels",
                method="GET",
                path="/v1/ops/channels",
                summary="Channels with subscribers on all nodes, the largest first.",
                handler=self.list,
                query=ChannelsQuery,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: ChannelsView},
                is_internal=True,
            ),
            Operation(
                id="getChannel",
                method="GET",
                path="/v1/ops/channel",
                summary="One channel: its options, its members, where its history stands.",
                handler=self.get,
                query=ChannelQuery,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: ChannelDetailView},
                problems=(404,),
                is_internal=True,
            ),
            *self._of_content(),
        )

    def _of_content(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="getChannelHistory",
                method="GET",
                path="/v1/ops/channel/history",
                summary="What was published last, newest first. The audit trail tells who has looked.",
                handler=self.history,
                query=HistoryQuery,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_CONTENT,
                answers={200: HistoryView},
                problems=(404,),
                is_internal=True,
            ),
            Operation(
                id="publishToChannel",
                method="POST",
                path="/v1/ops/channel/publish",
                summary="Publish something, to see where it goes: its trace is followed.",
                handler=self.publish,
                body=JSONBody(TestPublication),
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_PUBLISH,
                answers={200: PublishedView},
                problems=(404,),
                is_internal=True,
            ),
        )

    async def list(self, call: Call[None, ChannelsQuery]) -> web.Response:
        return answer(await self._operations.channels(call.query.pattern, call.query.limit))

    async def get(self, call: Call[None, ChannelQuery]) -> web.Response:
        return answer(await self._operations.channel(call.query.name))

    async def history(self, call: Call[None, HistoryQuery]) -> web.Response:
        return answer(await self._operations.history(call.query.name, call.query.limit, actor_of(call)))

    async def publish(self, call: Call[TestPublication, None]) -> web.Response:
        return answer(await self._operations.publish(call.body, actor_of(call)))
