"""What a memory engine knows, as bytes: a node that stops in order goes on where it stopped. Pure.

Streams and idempotency keys travel; presence does not (its clients are gone), nor do subscriptions. A snapshot may be
loaded once: loading it a second time would hand out offsets of the same epoch again, for other publications.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct

from hub.protocol.messages import OptionalRaw, Publication, StreamPosition

FORMAT = 1


class SnapshotUnreadable(Exception):
    """The bytes are not a snapshot of this format. The streams start over with new epochs: clients resynchronise."""


class StreamImage(Struct, gc=False):
    """One stream; its TTLs as seconds that were left."""

    channel: str
    epoch: str
    top_offset: int
    clear_in_s: float
    forget_in_s: float
    version: int
    version_epoch: str
    publications: list[Publication]


class OutcomeImage(Struct, gc=False):
    channel: str
    key: str
    position: StreamPosition | None
    expires_in_s: float


class Snapshot(Struct):
    """Everything, as of a wall-clock time: what passes until it is loaded counts against the TTLs."""

    format: int
    saved_at_s: float
    streams: list[StreamImage]
    outcomes: list[OutcomeImage]


def encode_snapshot(snapshot: Snapshot) -> bytes:
    return msgspec.json.encode(snapshot)


def decode_snapshot(data: bytes) -> Snapshot:
    """Raises SnapshotUnreadable."""
    try:
        snapshot = msgspec.json.decode(data, type=Snapshot)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise SnapshotUnreadable(str(exc)) from exc
    if snapshot.format != FORMAT:
        raise SnapshotUnreadable(f"format {snapshot.format}, expected {FORMAT}")
    for stream in snapshot.streams:
        for publication in stream.publications:
            _detach(publication)
    return snapshot


def _detach(publication: Publication) -> None:
    """Copy what was decoded as a view: a single one would keep the whole snapshot in memory."""
    publication.data = _copied(publication.data)
    info = publication.info
    if info is not UNSET:
        info.conn_info, info.chan_info = _copied(info.conn_info), _copied(info.chan_info)


def _copied(raw: OptionalRaw) -> OptionalRaw:
    return raw if raw is UNSET else raw.copy()
