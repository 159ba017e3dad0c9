"""What a backend does to a user's connections: subscribe, unsubscribe, disconnect, refresh, on every node.

Each operation is a message. It is applied on the node that was asked before that node answers, then handed to the
engine, which hands it to all other nodes; they apply it in the order in which it comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from hub.complaints import Complaints
from hub.control_operations import (
    Answer,
    DisconnectUser,
    Envelope,
    MessageUser,
    Operation,
    Question,
    RefreshUser,
    SubscribeUser,
    UnsubscribeUser,
)
from hub.errors import Disconnected, EngineUnavailable, ReplyError
from hub.joining import Grant, Wish, announce_join, begin_join, go_live, settle_join, ttl_s
from hub.protocol import codes
from hub.protocol.codes import Disconnect
from hub.protocol.messages import Message, Push, Refresh, Reply, Subscribe, SubscribeResult
from hub.recovery import RecoverFrom
from hub.tokens.claims import Override

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from hub.connection import Connection
    from hub.hub import Hub

logger = logging.getLogger(__name__)

CONNECTIONS_PER_SLICE = 64
"""Connections that an operation is applied to before other work of the loop runs."""

MAX_WAITING = 10_000
"""Control messages of other nodes that may wait; beyond, the oldest are dropped and counted."""


UNREADABLE = "control_message_unreadable"
DROPPED = "control_dropped"
KINDS = (UNREADABLE, DROPPED)


class Control:
    """Applies operations to this node's connections and passes them on."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: deque[Operation] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._decoder = msgspec.json.Decoder(Envelope)
        self._complaints = Complaints(hub.clock, logger, KINDS)

    def count(self, kind: str) -> int:
        """How many messages were of a kind that was not applied."""
        return self._complaints.counts[kind]

    async def perform(self, operation: Operation) -> None:
        """Apply here, then everywhere else. A user without connections is no failure.

        Raises:
            ReplyError, EngineUnavailable: what it did on this node stands; repeating it is harmless.
        """
        await self.apply(operation)
        await self._hub.engine.control(msgspec.json.encode(Envelope(self._hub.uid, operation)))

    def receive(self, message: bytes) -> None:
        """Queue another node's operation, hand on what belongs to a survey, pass over our own, which come back."""
        try:
            envelope = self._decoder.decode(message)
        except msgspec.MsgspecError:
            self._complaints.add(UNREADABLE)
            return
        if envelope.node == self._hub.uid:
            return
        operation = envelope.operation
        if isinstance(operation, Answer):
            self._hub.survey.receive_answer(envelope.node, operation)
        elif isinstance(operation, Question):
            self._hub.survey.receive_question(envelope.node, operation)
        else:
            self._enqueue(operation)

    def _enqueue(self, operation: Operation) -> None:
        if len(self._waiting) == MAX_WAITING:
            self._complaints.add(DROPPED)
        self._waiting.append(operation)
        self._wake.set()

    async def run(self) -> None:
        """Apply the operations of other nodes in order; the supervisor's task."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self.apply(self._waiting.popleft())
                except Exception:  # another node's message must not end this one
                    logger.exception("control_operation_failed")

    async def apply(self, operation: Operation) -> None:
        """Here alone: to every connection it names. One that fails, or leaves meanwhile, keeps no other from it.

        Raises:
            ReplyError, EngineUnavailable: as `perform`.
        """
        work = _WORK[type(operation)]
        failure: ReplyError | EngineUnavailable | None = None
        if operation.session and self._hub.authority is not None:
            self._hub.authority.on_operation(operation)  # first: who connects from here on is told to go by itself
        targets = self._hub.registry.of_user(operation.user, client=operation.client, session=operation.session)
        for count, connection in enumerate(targets, 1):
            try:
                if not connection.is_over():
                    await work(connection, operation)
            except (ReplyError, EngineUnavailable) as exc:
                failure = failure if connection.is_over() else exc
            except Disconnected as exc:
                connection.close(exc.disconnect)
            if count % CONNECTIONS_PER_SLICE == 0:
                await asyncio.sleep(0)
        if targets and isinstance(operation, DisconnectUser) and operation.decided_ms:
            passed_s = self._hub.clock.now_s() - operation.decided_ms / 1000
            self._hub.histograms["revocation_s"].observe(max(0.0, passed_s))
        if failure is not None:
            raise failure


async def _subscribe(connection: Connection, operation: SubscribeUser) -> None:
    hub, channel = connection.hub, operation.channel
    if channel in connection.subscriptions:
        return
    since = operation.recover_since
    wish = Wish(recover=None if since is UNSET else RecoverFrom(since.offset, since.epoch))
    grant = Grant(
        info=operation.info,
        data=operation.data,
        expire_at_s=operation.expire_at_s,
        override=_override(operation),
    )
    options = hub.channels.options(channel)
    joining = await begin_join(connection, channel, options, wish=wish, grant=grant, is_server_side=True)
    try:
        _push_subscribe(connection, channel, settle_join(joining))
        go_live(joining)
    except BaseException:
        hub.abandon(joining.subscription)
        raise
    await announce_join(joining.subscription)


def _override(operation: SubscribeUser) -> Override:
    """Names that this version does not know come from a newer node and mean nothing here."""
    named = {} if operation.override is UNSET else operation.override
    return Override(**{name: value for name, value in named.items() if name in Override.__dataclass_fields__})


def _push_subscribe(connection: Connection, channel: str, result: SubscribeResult) -> None:
    push = Subscribe(
        recoverable=result.recoverable,
        epoch=result.epoch,
        offset=result.offset,
        positioned=result.positioned,
        data=result.data,
    )
    connection.reply(Reply(push=Push(channel=channel, subscribe=push)))
    if result.publications is not UNSET:
        for publication in result.publications:
            connection.reply(Reply(push=Push(channel=channel, pub=publication)))


async def _unsubscribe(connection: Connection, operation: UnsubscribeUser) -> None:
    names = [operation.channel] if operation.channel else list(connection.subscriptions)
    for name in names:
        subscription = connection.subscriptions.get(name)
        if subscription is not None:
            connection.hub.push_unsubscribe(subscription, codes.SERVER_UNSUBSCRIBE)
            await connection.hub.depart(subscription)


async def _disconnect(connection: Connection, operation: DisconnectUser) -> None:
    if connection.client_id not in operation.whitelist:
        connection.close(Disconnect(operation.code, operation.reason))


async def _refresh(connection: Connection, operation: RefreshUser) -> None:
    hub = connection.hub
    if operation.expired or 0 < operation.expire_at_s <= hub.clock.now_s():
        connection.close(codes.CONNECTION_EXPIRED)
        return
    connection.set_expiry(operation.expire_at_s)
    if operation.info is not UNSET:
        connection.info = operation.info
    refresh = Refresh()
    if operation.expire_at_s:
        refresh.expires, refresh.ttl = True, ttl_s(hub, operation.expire_at_s)
    connection.reply(Reply(push=Push(refresh=refresh)))


async def _message(connection: Connection, operation: MessageUser) -> None:
    connection.reply(Reply(push=Push(message=Message(operation.data))))


_WORK: dict[type, Callable[[Connection, Any], Awaitable[None]]] = {
    SubscribeUser: _subscribe,
    UnsubscribeUser: _unsubscribe,
    DisconnectUser: _disconnect,
    RefreshUser: _refresh,
    MessageUser: _message,
}
