from __future__ import annotations

import msgspec

from bench.load.target import Target

TARGET = Target(
    "centrifuge",
    "127.0.0.1",
    8000,
    "/subscribe?id={channel}",
    publish_port=9000,
    publish_path="/api",
    publish_headers={"X-API-Key": "key"},
)


def test_the_channel_is_quoted_into_the_path() -> None:
    assert TARGET.upgrade_request("a:b").startswith(b"GET /subscribe?id=a%3Ab HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n")


def test_a_post_goes_to_the_publishing_port_with_its_headers() -> None:
    head, _, body = TARGET.post_request("/publish", b"{}").partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /api/publish HTTP/1.1",
        b"Host: 127.0.0.1:9000",
        b"Content-Type: application/json",
        b"Content-Length: 2",
        b"X-API-Key: key",
    ]
    assert body == b"{}"


def test_publishing_goes_to_the_same_port_unless_told_otherwise() -> None:
    assert Target("nchan", "127.0.0.1", 8000, "/").publisher_port == 8000


def test_it_crosses_the_pipe_unchanged() -> None:
    assert msgspec.json.decode(msgspec.json.encode(TARGET), type=Target) == TARGET
