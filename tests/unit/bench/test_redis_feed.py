from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import hiredis
import pytest

from bench.load.dialects import Refused
from bench.load.message import numbers_in
from bench.load.redis_feed import GROUP, Doorbell, feed

if TYPE_CHECKING:
    from collections.abc import Iterator


class Redis:
    """Answers each PUBLISH with how many have heard it."""

    def __init__(self, heard_by: int) -> None:
        self.commands: list[list[bytes]] = []
        self._answer = b":%d\r\n" % heard_by
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        reader = hiredis.Reader()
        with connection:
            while chunk := connection.recv(65536):
                reader.feed(chunk)
                while (command := reader.gets()) is not False:
                    self.commands.append(command)
                    connection.sendall(self._answer)


@pytest.fixture
def redis(request: pytest.FixtureRequest) -> Iterator[Redis]:
    redis = Redis(getattr(request, "param", 1))
    yield redis
    redis.close()


def test_publishes_as_many_as_it_was_asked_to_in_order(redis: Redis) -> None:
    feed(Doorbell(redis.port, "bench"), count=GROUP + 1, per_second=1e6, message_bytes=128)
    assert {(command[0], command[1], len(command[2])) for command in redis.commands} == {(b"PUBLISH", b"bench", 128)}
    assert numbers_in(b"".join(command[2] for command in redis.commands)) == list(range(GROUP + 1))


def test_puts_around_each_what_the_subscriber_expects(redis: Redis) -> None:
    feed(Doorbell(redis.port, "é", '{"p":', "}"), count=1, per_second=1e6, message_bytes=100)
    [[_, channel, body]] = redis.commands
    assert channel == "é".encode()
    assert body.startswith(b'{"p":{"t":"')
    assert len(body) == 100 + len('{"p":}')


@pytest.mark.parametrize("redis", [0, 2], indirect=True)
def test_that_nobody_or_somebody_else_listens_too_ends_the_phase(redis: Redis) -> None:
    with pytest.raises(Refused, match="one subscriber"):
        feed(Doorbell(redis.port, "bench"), count=GROUP, per_second=1e6, message_bytes=128)
