"""JSON: one object per message, messages of a frame separated by newlines (docs/protocol.md section 1.2)."""

from __future__ import annotations

import msgspec

from hub.protocol.codec import BadFrame
from hub.protocol.messages import Command, Publication, Push, Reply
from hub.protocol.surrogates import mend_surrogates

_COMMANDS = msgspec.json.Decoder(Command)
_ENCODER = msgspec.json.Encoder()


def _decode(frame: bytes) -> list[Command]:
    try:
        return _COMMANDS.decode_lines(frame)
    except msgspec.DecodeError:
        mended = mend_surrogates(frame)
        if mended == frame:
            raise
        return _COMMANDS.decode_lines(mended)


class JSONCodec:
    """The encoding that every browser SDK speaks."""

    name = "json"
    ping = b"{}"

    def decode_commands(self, frame: bytes) -> list[Command]:
        """See Codec. An empty frame is a BadFrame; a trailing newline is not."""
        try:
            if not frame.isascii():
                # A text frame must be UTF-8 (RFC 6455 section 8.1), and raw payloads are passed on as they came.
                frame.decode()
            commands = _decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise BadFrame(str(exc)) from exc
        if not commands:
            raise BadFrame("empty frame")
        return commands

    def encode_reply(self, reply: Reply) -> bytes:
        return _ENCODER.encode(reply)

    def encode_publication(self, channel: str, publication: Publication) -> bytes:
        return _ENCODER.encode(Reply(push=Push(channel=channel, pub=publication)))


JSON = JSONCodec()
