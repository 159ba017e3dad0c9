"""HTTP's floor: aiohttp hands a handler the body, which is decoded into a dict, and gets an answer."""

from __future__ import annotations

import sys

import msgspec
from aiohttp import web

from bench.floors.runtime import new_event_loop

_decode = msgspec.json.Decoder(dict).decode


async def answer(request: web.Request) -> web.Response:
    _decode(await request.read())
    return web.Response(body=b'{"result":{}}', content_type="application/json")


def main() -> None:
    application = web.Application()
    application.router.add_post("/api/{method}", answer)
    port = int(sys.argv[1])
    web.run_app(application, host="127.0.0.1", port=port, access_log=None, print=None, loop=new_event_loop())


if __name__ == "__main__":
    main()
