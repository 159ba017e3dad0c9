"""The WebSocket edge: upgrade, the reading loop of a connection, and its writing half.

Frames are written straight to the transport, one write per tick (docs/adr/0014-fan-out-by-tick.md); aiohttp's own
writer only answers native pings. Nothing is compressed, so the two never interleave inside a frame.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_websocket import WebSocketError

from api.admission import SERVES_PAGE
from api.mask_guard import MaskGuard
from api.upgrade import upgraded
from api.websocket_framing import TEXT_FRAMING, close_frame
from hub.connection import NO_HANDSHAKE, Connection, Handshake
from hub.protocol.codes import CONNECTION_CLOSED, Disconnect
from hub.protocol.json_codec import JSON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from api.admission import Admission
    from api.config import WebSocketConfig
    from hub.hub import Hub
    from hub.tracing import TraceContext

SUBPROTOCOL = "centrifuge-json"

_OPERATORS_HANDSHAKE = Handshake(is_operators=True)

RESERVED_CLOSE_CODES = frozenset({1004, 1005, 1006, 1015})
"""RFC 6455 section 7.4.1: never on the wire; aiohttp lets 1006 pass (Autobahn case 7.9.5)."""

NOT_UTF8 = Disconnect(WSCloseCode.INVALID_TEXT, "text is not UTF-8")
"""RFC 6455 section 8.1. aiohttp would look, but only with `decode_text`, which costs a str per message."""

CLOSE_TIMEOUT_S = 5.0

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY  # an Enum lookup costs 0.1 µs, and there is one per message

ABORT_DELAY_S = 1.0
"""How long a finished connection may take to flush what was written before its socket is freed."""


class _NoOfferedProtocols(logging.Filter):
    """aiohttp logs the subprotocols a client offered when none fits; clients put tokens there (reliability.md, T2)."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "overlap server-known" not in str(record.msg)


logging.getLogger("aiohttp.websocket").addFilter(_NoOfferedProtocols())


class GuardedWebSocket(web.WebSocketResponse[Any]):
    """aiohttp's WebSocket with masking enforced; closing is the caller's business alone."""

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__(
            timeout=CLOSE_TIMEOUT_S,
            autoclose=False,
            heartbeat=None,
            compress=False,
            protocols=(SUBPROTOCOL,),
            # aiohttp refuses a message of exactly max_msg_size.
            max_msg_size=max_message_bytes + 1,
            decode_text=False,
        )

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: Any) -> None:
        guarded: Any = _GuardedRequest(request, self)
        super()._post_start(guarded, protocol, writer)

    def refuse_unmasked(self) -> None:
        error = WebSocketError(WSCloseCode.PROTOCOL_ERROR, "client frames must be masked")
        assert self._reader is not None, "frames arrive after the upgrade"
        self._reader.set_exception(error)

    async def write_eof(self, data: bytes = b"") -> None:
        """aiohttp would start another closing handshake when the handler returns."""


class _GuardedRequest:
    """Puts the mask guard in front of the parser that aiohttp installs, before any byte reaches it."""

    def __init__(self, request: web.BaseRequest, socket: GuardedWebSocket) -> None:
        self._protocol = request.protocol
        self._socket = socket
        self.protocol = self

    def set_parser(self, parser: Any, data_received_cb: Any = None) -> None:
        guard: Any = MaskGuard(parser, self._socket.refuse_unmasked)
        self._protocol.set_parser(guard, data_received_cb)

    def keep_alive(self, value: bool) -> None:  # aiohttp's signature
        self._protocol.keep_alive(value)


class WebSocketTransport:
    """The writing half of one WebSocket."""

    __slots__ = ("_raw", "buffered_bytes", "is_goodbye_said")

    name = "websocket"
    framing = TEXT_FRAMING

    def __init__(self, raw: asyncio.Transport) -> None:
        self._raw = raw
        self.buffered_bytes = raw.get_write_buffer_size
        self.is_goodbye_said = False

    def write(self, frame: bytes) -> None:
        # uvloop raises on a closed transport, asyncio logs: a flush may come between a peer's end and its handler's.
        if not self._raw.is_closing():
            self._raw.write(frame)

    def close(self, disconnect: Disconnect) -> None:
        """As hub.connection.Transport. 3000 means that the peer went away: nothing is written."""
        if disconnect.code == CONNECTION_CLOSED.code:
            self.is_goodbye_said = True
        self.say_goodbye(disconnect)

    def say_goodbye(self, disconnect: Disconnect) -> None:
        """Write the Close frame, once."""
        if self.is_goodbye_said or self._raw.is_closing():
            return
        self.is_goodbye_said = True
        self._raw.write(close_frame(disconnect))

    def abort(self) -> None:
        self._raw.abort()

    def finish(self) -> None:
        """The closing handshake is over: close the socket, and do not wait long for a peer that does not read."""
        self._raw.close()
        if self._raw.get_write_buffer_size():
            asyncio.get_running_loop().call_later(ABORT_DELAY_S, self._raw.abort)


class WebSocketEdge:
    """Turns upgrade requests into connections of the hub."""

    def __init__(self, hub: Hub, config: WebSocketConfig, admission: Admission) -> None:
        self._hub = hub
        self._config = config
        self._admission = admission

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One WebSocket, from its upgrade to its end."""
        self._check(request)
        self._admission.enter(request)
        try:
            socket = GuardedWebSocket(self._config.message_size_limit_bytes)
            try:
                await socket.prepare(request)
            except ConnectionResetError:
                return self._left()
            raw = request.transport
            if raw is None:
                return self._left()
            await self._serve(socket, WebSocketTransport(raw), self._handshake(request, upgraded(request)))
        finally:
            self._admission.leave()
        return socket

    def _left(self) -> web.Response:
        """The client went while it was upgraded: an end like any other. Raised, aiohttp would log each with a trace.

        aiohttp drops an answer for which there is nobody (pitfall A10, aiohttp#11761).
        """
        self._hub.counters.upgrades_abandoned += 1
        return web.Response()

    def _check(self, request: web.Request) -> None:
        if request.headers.get("Sec-WebSocket-Version", "13").strip() != "13":
            raise web.HTTPUpgradeRequired(headers={"Sec-WebSocket-Version": "13", "Upgrade": "websocket"})
        # Parsing the query costs 5 µs, and hardly anybody sends one.
        if request.query_string and "protobuf" in (request.query.get("format"), request.query.get("cf_protocol")):
            raise web.HTTPBadRequest(text="format: protobuf is not served here, use json")
        header = self._config.user_id_http_header
        if header and not _is_unicode(request.headers.get(header, "")):
            raise web.HTTPBadRequest(text=f"{header}: is not UTF-8")

    def _handshake(self, request: web.Request, trace: TraceContext | None) -> Handshake:
        header = self._config.user_id_http_header
        is_operators = request.app.get(SERVES_PAGE, False)
        if not header and trace is None:
            return _OPERATORS_HANDSHAKE if is_operators else NO_HANDSHAKE
        user = request.headers.get(header) or None if header else None
        return Handshake(user=user, trace=trace, is_operators=is_operators)

    async def _serve(self, socket: GuardedWebSocket, transport: WebSocketTransport, handshake: Handshake) -> None:
        connection = Connection(self._hub, transport, JSON, handshake)
        connection.opened()
        try:
            await read_frames(socket, transport, connection.handle_frame)
        finally:
            transport.finish()
            await connection.closed()


async def read_frames(
    socket: GuardedWebSocket, transport: WebSocketTransport, handle_frame: Callable[[bytes], Awaitable[None]]
) -> None:
    """Hand over every message, one at a time, until the peer closes, breaks the protocol or is gone."""
    receive = socket.receive
    while True:
        message = await receive()
        kind = message.type
        if kind is _TEXT or kind is _BINARY:
            data = message.data
            if kind is _TEXT and not data.isascii() and not _is_utf8(data):
                transport.say_goodbye(NOT_UTF8)
                return
            await handle_frame(data)
        elif kind is WSMsgType.CLOSE:
            code = message.data or WSCloseCode.OK
            transport.say_goodbye(Disconnect(1002, "bad close code") if code in RESERVED_CLOSE_CODES else _echo(code))
            return
        else:
            return


def _is_unicode(text: str) -> bool:
    """aiohttp smuggles undecodable header bytes through as surrogates, which no message could carry on."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _echo(code: int) -> Disconnect:
    return Disconnect(code, "")
