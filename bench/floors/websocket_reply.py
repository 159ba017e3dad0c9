"""The floor of handshakes, commands and idle memory: an aiohttp WebSocket that answers any text with the same text."""

from __future__ import annotations

import sys

from aiohttp import WSMsgType, web

from bench.floors.runtime import calm_garbage_collector, new_event_loop

CALM = "--calm"
"""With Syncline's settings of the garbage collector instead of the interpreter's own."""

_REPLY = '{"id":3,"publish":{}}'


async def answer(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, decode_text=False, max_msg_size=65536)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(_REPLY)
    return socket


def main() -> None:
    if CALM in sys.argv:
        calm_garbage_collector()
    application = web.Application()
    application.router.add_get("/connection/websocket", answer)
    port = int(sys.argv[1])
    web.run_app(
        application,
        host="127.0.0.1",
        port=port,
        access_log=None,
        print=None,
        loop=new_event_loop(),
        backlog=4096,
        shutdown_timeout=0.1,
    )


if __name__ == "__main__":
    main()
