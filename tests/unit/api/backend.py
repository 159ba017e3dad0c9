"""A backend that calls the server API of a node, without a socket between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import Mock

import msgspec
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request

from api.config import ServerAPIConfig
from api.server_api import ServerAPI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.hub import Hub

KEY = "backend-key"
WITH_KEY = {"X-API-Key": KEY}


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Backend:
    """Calls one hub."""

    def __init__(self, hub: Hub, **config: Any) -> None:
        self._app = web.Application()
        ServerAPI(hub, ServerAPIConfig(**({"key": KEY} | config))).add_routes(self._app)
        self._app.freeze()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] = WITH_KEY) -> Answer:
        return await self.request("POST", path, body, headers)

    async def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str] = WITH_KEY) -> Answer:
        content = StreamReader(Mock(_reading_paused=False), 2**16, loop=asyncio.get_running_loop())
        content.feed_data(body)
        content.feed_eof()
        request = make_mocked_request(method, path, headers, payload=content, app=self._app)
        match = await self._app.router.resolve(request)
        try:
            response = await match.handler(request)
        except web.HTTPException as failure:
            return Answer(failure.status, (failure.text or "").encode())
        assert isinstance(response, web.Response)
        return Answer(response.status, bytes(response.body or b""))  # type: ignore[arg-type]  # a body of bytes

    async def call(self, api_method: str, /, **fields: object) -> Any:
        """The `result` of one method; whatever else comes fails the test."""
        answer = await self.post(f"/api/{api_method}", msgspec.json.encode(fields))
        assert answer.status == 200, answer
        assert set(answer.json) == {"result"}, answer
        return answer.json["result"]

    async def error(self, api_method: str, /, **fields: object) -> tuple[int, str]:
        """The `error` of one method."""
        answer = await self.post(f"/api/{api_method}", msgspec.json.encode(fields))
        assert answer.status == 200, answer
        assert set(answer.json) == {"error"}, answer
        return answer.json["error"]["code"], answer.json["error"]["message"]
