"""What brings messages in and takes events out, and dead letters, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from api.rest.body import JSONBody
from api.rest.operation import Access, Operation, answer
from api.rest.operations_connections import actor_of
from services.accounts.permissions import Action
from services.operations.letters import MAX_LETTERS
from services.operations.views import DeadLettersView, Letters, LettersDoneView, RelaysView

if TYPE_CHECKING:
    from aiohttp import web

    from api.rest.operation import AnyOperation, Call
    from services.operations.service import Operations


class LettersQuery(Struct, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=MAX_LETTERS)] = 50


class RelayRoutes:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="listRelays",
                method="GET",
                path="/v1/ops/relays",
                summary="Sources, sinks and the outbox of all nodes.",
                handler=self.relays,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_READ,
                answers={200: RelaysView},
                is_internal=True,
            ),
            Operation(
                id="listDeadLetters",
                method="GET",
                path="/v1/ops/relays/{name}/dead-letters",
                summary="The oldest dead letters of a consumer. The audit trail tells who has looked.",
                handler=self.letters,
                query=LettersQuery,
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_CONTENT,
                answers={200: DeadLettersView},
                problems=(404,),
                is_internal=True,
            ),
            *self._of_letters(),
        )

    def _of_letters(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                id="replayDeadLetters",
                method="POST",
                path="/v1/ops/relays/{name}/dead-letters/replay",
                summary="Give dead letters back to their consumer.",
                handler=self.replay,
                body=JSONBody(Letters),
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_LETTERS,
                answers={200: LettersDoneView},
                problems=(404,),
                is_internal=True,
            ),
            Operation(
                id="removeDeadLetters",
                method="POST",
                path="/v1/ops/relays/{name}/dead-letters/remove",
                summary="Forget dead letters for good.",
                handler=self.remove,
                body=JSONBody(Letters),
                access=Access.ANYBODYS,
                action=Action.OPERATIONS_LETTERS,
                answers={200: LettersDoneView},
                problems=(404,),
                is_internal=True,
            ),
        )

    async def relays(self, call: Call[None, None]) -> web.Response:  # noqa: ARG002  # handler signature
        return answer(await self._operations.relays())

    async def letters(self, call: Call[None, LettersQuery]) -> web.Response:
        return answer(await self._operations.dead_letters(call.path("name"), call.query.limit, actor_of(call)))

    async def replay(self, call: Call[Letters, None]) -> web.Response:
        return answer(await self._operations.replay_letters(call.path("name"), call.body, actor_of(call)))

    async def remove(self, call: Call[Letters, None]) -> web.Response:
        return answer(await self._operations.remove_letters(call.path("name"), call.body, actor_of(call)))
