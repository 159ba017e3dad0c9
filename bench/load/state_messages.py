"""The messages of shared state as the generator reads and writes them (docs/sessions.md, sections 4 and 5)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import msgspec

from bench.load.dialects import Refused
from bench.load.frames import CLOSE, TEXT, client_frame, frames_of

KEY = "cart"

_RUN = secrets.token_hex(4).encode()
"""Mutation ids are remembered for a day: those of another generator must not be met."""

_MERGE = b'{"id":%d,"rpc":{"method":"state.merge","data":{"key":"cart","patch":{"n":%d},"mutation":"%s-%d"}}}'


class Version(msgspec.Struct):
    version: int


class Result(msgspec.Struct):
    data: Version


class Reply(msgspec.Struct):
    """Of `state.merge`. Anything else, a conflict too, fails to decode."""

    id: int
    rpc: Result


class Patch(msgspec.Struct):
    n: int


class Change(msgspec.Struct):
    version: int
    patch: Patch


class Publication(msgspec.Struct):
    data: Change


class Push(msgspec.Struct):
    channel: str
    pub: Publication | None = None


class Pushed(msgspec.Struct):
    push: Push


_reply = msgspec.json.Decoder(Reply).decode
_pushed = msgspec.json.Decoder(Pushed).decode
_STATE_PUSH = b'{"push":{"channel":"state:'
_REPLY = b'{"id":'


def channel(user: str) -> str:
    return f"state:{KEY}#{user}"


def opening(user: str, token: str) -> bytes:
    """Connect, and follow the document: `Dialer` takes the second answer for the end of the handshake."""
    commands = [{"id": 1, "connect": {"token": token}}, {"id": 2, "subscribe": {"channel": channel(user)}}]
    return client_frame("\n".join(json.dumps(command) for command in commands).encode())


def merge(number: int) -> bytes:
    """Mutation `number` of this generator; the command's id is the same number."""
    return client_frame(_MERGE % (number, number, _RUN, number))


def messages(whole_frames: bytes) -> Iterator[Reply | Change | None]:
    """Replies and changes in order; None for a ping, which wants a pong. Other pushes are passed over.

    Raises:
        Refused: an error, a conflict, a close.
    """
    for opcode, payload in frames_of(whole_frames):
        if opcode == CLOSE:
            raise Refused(f"closed: {payload!r}")
        if opcode == TEXT:
            yield from _messages_of(payload)


def _messages_of(payload: bytes) -> Iterator[Reply | Change | None]:
    for line in payload.split(b"\n"):
        if line.startswith(_REPLY):
            yield _decoded_reply(line)
        elif line.startswith(_STATE_PUSH):
            if pub := _pushed(line).push.pub:
                yield pub.data
        elif line == b"{}":
            yield None


def _decoded_reply(line: bytes) -> Reply:
    try:
        return _reply(line)
    except msgspec.ValidationError as exc:
        raise Refused(f"instead of a version: {line[:300]!r}") from exc
