"""PyPI `python-socketio` on aiohttp: `publish` from one client is emitted to the room of the others."""

from __future__ import annotations

import sys
from typing import Any

import socketio  # type: ignore[import-untyped]  # ships no types
from aiohttp import web

from bench.floors.runtime import new_event_loop

server = socketio.AsyncServer(async_mode="aiohttp", transports=["websocket"], http_compression=False)


@server.event  # type: ignore[untyped-decorator]  # python-socketio ships no types
async def connect(sid: str, environ: dict[str, Any]) -> None:
    if "role=publisher" not in environ["QUERY_STRING"]:
        await server.enter_room(sid, "bench")


@server.event  # type: ignore[untyped-decorator]  # python-socketio ships no types
async def publish(_: str, message: object) -> None:
    await server.emit("m", message, room="bench")


def main() -> None:
    application = web.Application()
    server.attach(application)
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
