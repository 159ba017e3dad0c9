"""Whatever clients name, the number of series stays: 10,000 paths, methods and agents, 10,000 channels."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from tests.integration.metrics.scrape import scraped, series_of
from tests.support.patience import PATIENCE_S
from tests.support.raw_client import raw_client
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import NodeProcess

COUNT = 10_000

PER_CONNECTION = 1_000
"""Requests, and channels, of one connection."""

PER_FRAME = 100

PATHS = ("/{word}", "/v1/{word}", "/api/{word}", "/v1/sessions/{word}", "/metrics/{word}", "/{word}?q={word}")

METHODS = ("GET", "POST", "DELETE", "PROPFIND", "MKCALENDAR")

NAMESPACES = ("chat:{word}", "{word}:room", "{word}", "$chat:{word}", "chat:{word}#1", "ops:{word}")

CONFIG: dict[str, Any] = {
    "prometheus": {"enabled": True},
    "client": {"allow_anonymous_connect_without_token": True, "channel_limit": COUNT, "command_rate_limit": 0},
    "channel": {
        "without_namespace": {"allow_subscribe_for_client": True, "allow_publish_for_client": True},
        "namespaces": [{"name": "chat", "allow_subscribe_for_client": True, "allow_publish_for_client": True}],
    },
}


def words(seed: int) -> Iterator[str]:
    dice = random.Random(seed)
    while True:
        yield f"w{dice.getrandbits(64):x}"


def requests(seed: int, count: int) -> Iterator[bytes]:
    """Every form of path with every method, and then over again with other words."""
    word = words(seed)
    for number in range(count):
        path = PATHS[number % len(PATHS)].format(word=next(word))
        method = METHODS[number // len(PATHS) % len(METHODS)]
        yield (
            f"{method} {path} HTTP/1.1\r\nHost: {next(word)}\r\nUser-Agent: {next(word)}\r\n"
            f"X-Request-ID: {next(word)}\r\nContent-Length: 0\r\n\r\n"
        ).encode()


def commands(seed: int, count: int) -> Iterator[dict[str, object]]:
    word = words(seed)
    for number in range(count):
        channel = NAMESPACES[number % len(NAMESPACES)].format(word=next(word))
        yield {"id": 2 * number + 2, "subscribe": {"channel": channel}}
        yield {"id": 2 * number + 3, "publish": {"channel": channel, "data": {}}}


async def ask(node: NodeProcess, asked: list[bytes]) -> None:
    """All over one connection, without waiting for answers in between; each is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        async with asyncio.timeout(3 * PATIENCE_S):
            writer.writelines(asked)
            for _ in asked:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
    finally:
        writer.close()


async def say(node: NodeProcess, said: list[dict[str, object]]) -> None:
    """All of it as a client, and wait for the answers."""
    async with await raw_client(node.ws_url) as client:
        await client.call("connect")
        for start in range(0, len(said), PER_FRAME):
            frame = said[start : start + PER_FRAME]
            await client.send(*frame)
            await client.reply(int(str(frame[-1]["id"])))
        answered = {message["id"] for message in client.messages if "id" in message}
        assert len(answered) == len(said) + 1


async def made_up_methods(node: NodeProcess) -> None:
    """They end their connection: aiohttp's parser knows all methods that there are."""
    word = words(0)
    for _ in range(200):
        answer = await node.api.exchange(f"{next(word).upper()} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.0 400") or answer.startswith(b"HTTP/1.1 400"), answer


async def everything_once(node: NodeProcess) -> None:
    """Each form of a request and of a channel, so that all answers have been given that there are."""
    for request in requests(1, len(PATHS) * len(METHODS)):
        await ask(node, [request])
    await say(node, list(commands(1, len(NAMESPACES))))
    await scraped(node)


async def test_random_paths_and_channels_add_no_series() -> None:
    async with running_server(CONFIG) as node:
        await everything_once(node)
        before = series_of((await scraped(node)).body.decode())
        for seed in range(COUNT // PER_CONNECTION):
            await ask(node, list(requests(seed + 2, PER_CONNECTION)))
            await say(node, list(commands(seed + 2, PER_CONNECTION)))
        await made_up_methods(node)
        assert series_of((await scraped(node)).body.decode()) == before
