"""One client: its commands come in, its replies and pushes go out, its deadlines are kept.

The transport's handler feeds `handle_frame` with one transport message at a time and calls `closed` when the transport
has ended. All work of a connection that waits runs in that handler; nothing here starts a task.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from msgspec import UNSET

from hub.commands import handler_of
from hub.deadlines import NEVER
from hub.errors import Disconnected, EngineUnavailable, ReplyError
from hub.log_context import WHO, Who
from hub.outbox import Outbox, Sink
from hub.protocol import codes
from hub.protocol.codec import BadFrame, Codec
from hub.protocol.messages import ClientInfo, Error, OptionalRaw, Reply
from hub.rate_limit import Bucket
from hub.span_failures import resumed
from hub.tokens.claims import KeysUnavailable

if TYPE_CHECKING:
    from hub.hub import Hub
    from hub.protocol.codes import Disconnect, ErrorCode
    from hub.protocol.messages import Command
    from hub.subscriptions import Subscription
    from hub.tokens.claims import SessionRef
    from hub.tracing import TraceContext

logger = logging.getLogger(__name__)


class Transport(Sink, Protocol):
    """One live transport, as its connection sees it. Nothing here waits."""

    @property
    def name(self) -> str:
        """`websocket`, `sse`, ...: what logs and backends call it."""

    def close(self, disconnect: Disconnect) -> None:
        """Say goodbye with this code, after everything written before."""

    def abort(self) -> None:
        """Free the socket now, whatever is still unsent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What the transport knows of a client before it speaks."""

    user: str | None = None
    """The user a trusted proxy has authenticated (`client.user_id_http_header`)."""

    trace: TraceContext | None = None
    """Of its upgrade, where that was followed: what the connection does later is linked to it, never below it."""

    is_operators: bool = False
    """It came in over a port that serves operators."""


class State(enum.Enum):
    NEW = enum.auto()
    REFUSED = enum.auto()  # its connect was answered with an error; it may only leave
    CONNECTED = enum.auto()
    CLOSING = enum.auto()  # told to go; the transport has yet to end
    CLOSED = enum.auto()


# Looking a member up in its Enum costs 0.13 µs in CPython 3.11, and every command asks four times (bench: commands).
_NEW, _CONNECTED, _CLOSING, _CLOSED = State.NEW, State.CONNECTED, State.CLOSING, State.CLOSED

CLOSING_DEADLINE_S = 5.0
"""How long a peer may take for its side of the closing handshake; a stalled one never does (reliability.md, A1)."""

SLOW_CLOSING_DEADLINE_S = 1.0

NO_HANDSHAKE = Handshake()

NO_CHANNELS: frozenset[str] = frozenset()

RELIEF_BYTES = 65_536
"""Replies a client may have waiting before its next command waits too: a frame of small commands may ask for much."""

RELIEF_INTERVAL_S = 0.01


class Connection:
    """One client of the hub.

    Attributes:
        client_id: what the protocol calls `client`, a fresh UUID.
        user: "" until connect succeeds, and for anonymous users after.
        expire_at_s: wall-clock second at which its right to be connected ends; 0 is never.
        session: the login session it belongs to, None when its token was not issued by this platform.
        token_channels: the server-side subscriptions that its token named.
    """

    __slots__ = (
        "bucket",
        "client_id",
        "close_reason",
        "codec",
        "deadline_slot",
        "departing",
        "expire_at_s",
        "handshake",
        "hub",
        "info",
        "is_pong_owed",
        "next_expiry_check_at_s",
        "next_ping_at_s",
        "next_presence_at_s",
        "opened_at_s",
        "outbox",
        "refused_commands",
        "session",
        "state",
        "subscriptions",
        "timeout_at_s",
        "token_channels",
        "transport",
        "user",
    )

    def __init__(self, hub: Hub, transport: Transport, codec: Codec, handshake: Handshake = NO_HANDSHAKE) -> None:
        self.hub = hub
        self.transport = transport
        self.codec = codec
        self.handshake = handshake
        self.client_id = hub.client_ids.new()
        self.user = ""
        self.info: OptionalRaw = UNSET
        self.session: SessionRef | None = None
        self.token_channels: frozenset[str] = NO_CHANNELS
        self.state = State.NEW
        self.close_reason: Disconnect | None = None
        self.outbox = Outbox(transport, hub.config.client.queue_max_size_bytes, self)
        self.subscriptions: dict[str, Subscription] = {}
        self.departing: dict[str, list[asyncio.Future[None]]] | None = None
        self.bucket = Bucket(hub.command_rate) if hub.command_rate is not None else None
        self.refused_commands = 0
        self.is_pong_owed = False
        self.expire_at_s = 0.0
        self.deadline_slot = 0
        self.opened_at_s = hub.clock.monotonic_s()
        self.next_ping_at_s = NEVER
        self.next_presence_at_s = NEVER
        self.next_expiry_check_at_s = NEVER
        self.timeout_at_s = self.opened_at_s + hub.config.client.stale_close_delay_s

    def is_over(self) -> bool:
        """Whether it was told to go, or is gone."""
        return self.state is _CLOSING or self.state is _CLOSED

    # --- in ---------------------------------------------------------------------------------------------------------

    async def handle_frame(self, frame: bytes) -> None:
        """Handle one transport message: its commands in order, each to its end before the next.

        Raises nothing but CancelledError: whatever the input, the client gets the protocol's answer.
        """
        try:
            commands = self.codec.decode_commands(frame)
        except BadFrame:
            self.hub.counters.bad_frames += 1
            self.close(codes.BAD_REQUEST_DISCONNECT)
            return
        for command in commands:
            if self.is_over():
                return
            await self._handle(command)
            if self.outbox.pending_bytes > RELIEF_BYTES:
                await self._wait_for_relief()

    async def _wait_for_relief(self) -> None:
        """Let what it asked for reach its socket before it gets more; one that does not read is closed meanwhile."""
        await asyncio.sleep(0)
        # The outbox is pure: it has no event to wait for.
        while self.outbox.backlog is not None or self.outbox.pending_bytes > RELIEF_BYTES:  # noqa: ASYNC110
            await asyncio.sleep(RELIEF_INTERVAL_S)

    async def _handle(self, command: Command) -> None:
        hub = self.hub
        hub.counters.commands += 1
        started_s = hub.clock.monotonic_s()
        handler, request = handler_of(command)
        try:
            if handler is None:
                self._take_pong(command)
                return
            self._admit(command, request)
            await handler(self, command.id, request)
        except ReplyError as failure:
            self.refuse(command.id, failure.error)
        except Disconnected as failure:
            self.close(failure.disconnect)
        except (EngineUnavailable, KeysUnavailable):
            self.refuse(command.id, codes.INTERNAL)
        except Exception as exc:  # the outermost frame of a client's command: our fault must not end its peers
            self.hub.counters.handler_failures += 1
            with resumed(exc):
                logger.exception("command_failed", extra={"client": self.client_id})
            self.refuse(command.id, codes.INTERNAL)
        if handler is not None:
            hub.command_times.of[request.__class__].observe(hub.clock.monotonic_s() - started_s)

    def _admit(self, command: Command, request: object) -> None:
        """Whether the request may come now: connect first and once, an id on everything but `send`, within the rate.

        A command may name several methods; it is judged by the one that will be run.
        """
        is_connect = request is command.connect
        is_in_turn = self.state is (_NEW if is_connect else _CONNECTED)
        if not is_in_turn or (not command.id and request is not command.send):
            raise Disconnected(codes.BAD_REQUEST_DISCONNECT)
        bucket = self.bucket
        if bucket is None or bucket.take(self.hub.clock.monotonic_s()):
            self.refused_commands = 0
            return
        self.refused_commands += 1
        if self.refused_commands > self.hub.config.client.command_rate_burst:
            raise Disconnected(codes.TOO_MANY_REQUESTS_DISCONNECT)
        raise ReplyError(codes.TOO_MANY_REQUESTS)

    def _take_pong(self, command: Command) -> None:
        # A command with an id and no method we know, and a pong nobody asked for, are the same offence.
        if command.id or not self.is_pong_owed:
            raise Disconnected(codes.BAD_REQUEST_DISCONNECT)
        self.is_pong_owed = False
        self.timeout_at_s = NEVER
        self.arm()

    def opened(self) -> None:
        """The transport is up: it can be drained, and has so long to connect."""
        self.hub.registry.open(self)
        self.arm()

    def identify(self, user: str, info: OptionalRaw, session: SessionRef | None = None) -> None:
        """It is known who this is; whether it may stay is not. Called in the task that ends with the connection."""
        self.user, self.info, self.session = user, info, session
        WHO.set(Who(user, session.sid if session is not None else "", self.client_id))

    def establish(self, expire_at_s: float, token_channels: frozenset[str]) -> None:
        """Connect has succeeded: from here on the client can be found, is pinged, and is bound by its expiry."""
        hub = self.hub
        client = hub.config.client
        self.token_channels = token_channels
        now_s = hub.clock.monotonic_s()
        self.timeout_at_s = NEVER
        if client.ping_interval_s:
            # Spread over half an interval, or a reconnect storm would come back as a storm of pings.
            self.next_ping_at_s = now_s + client.ping_interval_s * hub.jitter(0.5, 1.0)
        self.next_presence_at_s = now_s + client.presence_update_interval_s * hub.jitter(0.9, 1.0)
        self.state = State.CONNECTED
        hub.registry.add(self)
        self.set_expiry(expire_at_s)
        if self.session is not None and hub.authority is not None:
            hub.authority.connected(self)
        if hub.observer is not None:
            hub.observer.connected(self)

    def set_expiry(self, expire_at_s: float) -> None:
        """The wall-clock second at which its right to be connected ends, 0 for never; a grace follows."""
        self.expire_at_s = expire_at_s
        self.next_expiry_check_at_s = NEVER
        if expire_at_s:
            hub = self.hub
            left_s = expire_at_s - hub.clock.now_s() + hub.config.client.expired_close_delay_s
            self.next_expiry_check_at_s = hub.clock.monotonic_s() + left_s
        self.arm()

    # --- out --------------------------------------------------------------------------------------------------------

    def reply(self, reply: Reply) -> None:
        """Send a reply or push at the end of this tick, after everything sent before."""
        self.hub.fan_out.send(self.outbox, self.codec.encode_reply(reply))

    def refuse(self, command_id: int, error: ErrorCode) -> None:
        """Answer a command with an error. A command without id has no answer."""
        self.hub.counters.reply_errors[error.code] += 1
        if self.state is State.NEW:
            self.state = State.REFUSED
        if command_id:
            self.reply(Reply(id=command_id, error=Error(error.code, error.message, error.temporary)))

    def close(self, disconnect: Disconnect) -> None:
        """End the connection: what is pending is written, then the goodbye; the transport is freed by a deadline.

        Idempotent; the first reason stands.
        """
        if self.is_over():
            return
        self.state = State.CLOSING
        self.close_reason = disconnect
        hub = self.hub
        hub.counters.disconnects[disconnect.code] += 1
        hub.release_audiences(self)
        if disconnect is not codes.SLOW:
            hub.fan_out.flush_all(self.outbox)
        self.outbox.close()
        self.transport.close(disconnect)
        self.next_ping_at_s = self.next_presence_at_s = self.next_expiry_check_at_s = NEVER
        grace_s = SLOW_CLOSING_DEADLINE_S if disconnect is codes.SLOW else CLOSING_DEADLINE_S
        self.timeout_at_s = hub.clock.monotonic_s() + grace_s
        self.arm()

    async def closed(self) -> None:
        """The transport has ended: give up everything the connection held, presence included, before returning."""
        if self.state is State.CLOSED:
            return
        if self.close_reason is None:
            self.close_reason = codes.CONNECTION_CLOSED
        self.state = State.CLOSED
        self.outbox.close()
        self.hub.deadlines.set(self, NEVER)
        await self.hub.forget(self)
        self.outbox.owner = None  # the one cycle: without it reference counts free the connection

    # --- time -------------------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Tell the wheel when this connection next has something to do."""
        at_s = min(self.timeout_at_s, self.next_ping_at_s, self.next_presence_at_s, self.next_expiry_check_at_s)
        self.hub.deadlines.set(self, at_s)

    def on_deadline(self, now_s: float) -> None:
        """Do what is due (monotonic seconds), then arm again."""
        if now_s >= self.timeout_at_s:
            self._time_out()
        if self.state is State.CONNECTED:
            self._tick(now_s)
        if self.state is not State.CLOSED:
            self.arm()

    def _time_out(self) -> None:
        self.timeout_at_s = NEVER
        if self.state is State.CLOSING:
            self.transport.abort()
        elif self.state is State.CONNECTED:
            if self.is_pong_owed:
                self.close(codes.NO_PONG)
        else:
            self.close(codes.STALE)

    def _tick(self, now_s: float) -> None:
        client = self.hub.config.client
        if now_s >= self.next_ping_at_s:
            self.next_ping_at_s = now_s + client.ping_interval_s
            self.is_pong_owed = True
            self.timeout_at_s = now_s + client.pong_timeout_s
            self.hub.fan_out.send(self.outbox, self.codec.ping)
        if now_s >= self.next_presence_at_s:
            self.next_presence_at_s = now_s + client.presence_update_interval_s
            self._expire_subscriptions()
            self.hub.presence.renew_soon(self)
        if now_s >= self.next_expiry_check_at_s:
            self._check_expiry()

    def _check_expiry(self) -> None:
        """The wall clock decides: it may have been set back since the check was planned."""
        if self.hub.clock.now_s() >= self.expire_at_s + self.hub.config.client.expired_close_delay_s:
            self.close(codes.CONNECTION_EXPIRED)
        else:
            self.set_expiry(self.expire_at_s)

    def _expire_subscriptions(self) -> None:
        limit_s = self.hub.clock.now_s() - self.hub.config.client.expired_sub_close_delay_s
        for subscription in list(self.subscriptions.values()):
            if subscription.expire_at_s and subscription.expire_at_s < limit_s:
                self.hub.expire(subscription)

    # --- who --------------------------------------------------------------------------------------------------------

    def client_info(self, chan_info: OptionalRaw = UNSET) -> ClientInfo:
        return ClientInfo(user=self.user, client=self.client_id, conn_info=self.info, chan_info=chan_info)
