"""The server HTTP API as a backend calls it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from tests.support.patience import PATIENCE_S

API_KEY = "a-key-that-only-tests-ever-use"


class Answer(NamedTuple):
    """One HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class APIRefused(AssertionError):
    """The API answered with an error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.code: int = error["code"]
        self.message: str = error["message"]


class APIClient:
    """One server's HTTP API. Every call has a connection of its own, so a client may outlive an event loop."""

    def __init__(self, http_url: str, key: str) -> None:
        self._http_url = http_url
        self._key = key

    async def call(self, method: str, /, **request: Any) -> dict[str, Any]:
        """The result of a method.

        Raises:
            APIRefused: the answer is an error.
        """
        answer = await self.post(f"/api/{method}", request)
        assert answer.status == 200, answer
        assert answer.headers["content-type"].startswith("application/json"), answer
        if "error" in answer.json:
            raise APIRefused(answer.json["error"])
        result: dict[str, Any] = answer.json if method == "batch" else answer.json["result"]
        return result

    async def publish(self, channel: str, data: Any = "x", **request: Any) -> dict[str, Any]:
        return await self.call("publish", channel=channel, data=data, **request)

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> Answer:
        """POST a JSON body, or bytes as they are, with the right key."""
        return await self.request("POST", path, body, {"X-API-Key": self._key, **(headers or {})})

    async def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Any HTTP request, with nothing added."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, self._http_url + path, data=data, headers=headers) as response,
        ):
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, names, await response.read())

    async def exchange(self, request: bytes) -> bytes:
        """Send bytes as they are on a connection of their own; the head of the answer."""
        url = URL(self._http_url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(request)
                return await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()
            await writer.wait_closed()
