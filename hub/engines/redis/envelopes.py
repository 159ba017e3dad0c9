"""What travels through Redis, as bytes. A publication's data is raw JSON all the way and never decoded."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hub.engine import NodeInfo
from hub.protocol.messages import ClientInfo, Publication


class Envelope(Struct, gc=False, omit_defaults=True):
    """A message of a channel's doorbell: a publication (with offset and epoch where it is kept), a join or a leave."""

    o: int = 0
    e: str = ""
    p: Publication | UnsetType = UNSET
    j: ClientInfo | UnsetType = UNSET
    l: ClientInfo | UnsetType = UNSET  # noqa: E741  one letter like the others: it is sent with every message


encode: Final = msgspec.json.Encoder().encode
"""A publication as scripts take it: with no offset, which the script gives."""

decode_envelope: Final = msgspec.json.Decoder(Envelope).decode
decode_publication: Final = msgspec.json.Decoder(Publication).decode
decode_node: Final = msgspec.json.Decoder(NodeInfo).decode

_decode_info: Final = msgspec.json.Decoder(ClientInfo).decode


Entry = tuple[bytes, list[bytes]]
"""Of a log, as XRANGE answers: `[b"<offset>-0", [b"p", payload]]`."""


def publications_in(entries: list[Entry]) -> list[Publication]:
    """Those that can be read: what is not ours to have written is left out, and missing in whatever the list is for."""
    publications = []
    for entry in entries:
        try:
            publication = decode_publication(entry[1][1])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        publication.offset = offset_of(entry)
        publications.append(publication)
    return publications


def offset_of(entry: Entry) -> int:
    return int(entry[0].partition(b"-")[0])


def presence_value(user: str, info: bytes) -> bytes:
    """What is known of a client behind its user, which scripts count without knowing JSON."""
    name = user.encode()
    return b"%d:%s%s" % (len(name), name, info)


def info_of(value: bytes) -> ClientInfo:
    length, _, rest = value.partition(b":")
    return _decode_info(rest[int(length) :])
