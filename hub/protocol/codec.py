"""The ports between messages and bytes. JSON implements them here; Protobuf and other transports fit beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.protocol.messages import Command, Publication, Reply


class BadFrame(Exception):
    """The client's bytes are not the protocol: answered with disconnect 3501."""


class Codec(Protocol):
    """One encoding of the protocol. Stateless and shared by all connections that speak it.

    Subscribers of a channel with the same codec receive the same bytes: a publication is encoded once per codec.
    """

    @property
    def name(self) -> str:
        """`json` or `protobuf`: what logs and proxies call it."""

    @property
    def ping(self) -> bytes:
        """The encoded ping, an empty reply."""

    def decode_commands(self, frame: bytes) -> list[Command]:
        """The commands of one transport message, in order.

        Raises:
            BadFrame: anything that is not a sequence of well-formed commands. Nothing else, whatever the input.
        """

    def encode_reply(self, reply: Reply) -> bytes:
        """One reply or push as one message, without separator."""

    def encode_publication(self, channel: str, publication: Publication) -> bytes:
        """The push of one publication. Hot: called once per publication and codec."""


class Framing(Protocol):
    """How encoded messages travel on one kind of transport. Stateless and shared, like the codec it belongs to."""

    def frame(self, messages: Sequence[bytes]) -> bytes:
        """Bytes for one write that carry these messages in order."""
