"""History first, then live: no gap, no duplicate, never a partial recovery. Pure.

While a subscription reads its channel's history, the live publications of the channel wait in a gate. When the history
is there, `settle` decides what the client is told and from which offset on it is served (docs/protocol.md section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.protocol.messages import StreamPosition

if TYPE_CHECKING:
    from hub.engine import History
    from hub.protocol.messages import Publication

MAX_HELD = 1_000
"""Publications a gate holds; a history read that lasts longer than so many costs the client a resynchronisation."""


class Gate:
    """Live publications of one subscription held back while its history is read.

    Invariant GATE-1: what is held is contiguous from the first publication held, or `is_broken`.
    """

    __slots__ = ("epoch", "held", "is_broken")

    def __init__(self) -> None:
        self.held: list[Publication] = []
        self.epoch = ""
        self.is_broken = False

    def hold(self, publication: Publication, epoch: str) -> None:
        held = self.held
        if held and (epoch != self.epoch or publication.offset != held[-1].offset + 1):
            self.is_broken = True
        if len(held) >= MAX_HELD:
            self.is_broken = True
        if not self.is_broken:
            self.epoch = epoch
            held.append(publication)


class RecoverFrom(NamedTuple):
    """The position a client asks to recover from. An empty epoch matches any."""

    offset: int
    epoch: str


class Settled(NamedTuple):
    """What a subscription begins with.

    `publications` lead gap-free from the client's position to `served`; `served` is the position up to which the
    client has everything (recovered), or from which on it is served (not recovered).
    """

    is_recovered: bool
    publications: list[Publication]
    served: StreamPosition


class Insufficient(Exception):
    """Continuity cannot be proven: the client has to resynchronise (2500, or 3010 on a server-side subscription)."""


def settle(gate: Gate, history: History, wanted: RecoverFrom | None, *, is_cache: bool, limit: int) -> Settled:
    """Merge the history read with what the gate holds.

    Args:
        history: for a stream, what comes after `wanted.offset`, `limit` items at most; for a cache, the newest
            publication; without `wanted`, nothing but the position.
        wanted: None when the client does not recover.
        limit: most publications of a stream recovery; 0 is unlimited.

    Raises:
        Insufficient: the live publications do not continue the history.
    """
    top = history.position
    held = _continuation(gate, top)
    if wanted is None:
        return _unrecovered(top, held)
    if is_cache:
        return _settle_cache(history, wanted, held)
    recovered = _stream_recovery(history, wanted)
    if recovered is None or (limit and len(recovered) + len(held) > limit):
        return _unrecovered(top, held)
    return Settled(True, recovered + held, _advanced(top, held))


def _continuation(gate: Gate, top: StreamPosition) -> list[Publication]:
    """What the gate holds beyond the history's top."""
    if gate.is_broken or (gate.held and gate.epoch != top.epoch):
        raise Insufficient
    held = [publication for publication in gate.held if publication.offset > top.offset]
    if held and held[0].offset != top.offset + 1:
        raise Insufficient
    return held


def _advanced(top: StreamPosition, held: list[Publication]) -> StreamPosition:
    return StreamPosition(offset=held[-1].offset, epoch=top.epoch) if held else top


def _unrecovered(top: StreamPosition, held: list[Publication]) -> Settled:
    # What arrived meanwhile is not delivered: the client is told it starts behind it.
    return Settled(False, [], _advanced(top, held))


def _stream_recovery(history: History, wanted: RecoverFrom) -> list[Publication] | None:
    """All publications after the wanted offset, or None when they cannot all be given."""
    top, publications = history.position, history.publications
    if wanted.epoch not in ("", top.epoch):
        return None
    if not publications:
        return [] if top.offset == wanted.offset else None
    is_whole = publications[0].offset == wanted.offset + 1 and publications[-1].offset == top.offset
    return publications if is_whole else None


def _settle_cache(history: History, wanted: RecoverFrom, held: list[Publication]) -> Settled:
    """Only the latest publication matters; it counts when it is the stream's top."""
    top = history.position
    served = _advanced(top, held)
    is_current = wanted.epoch == served.epoch and wanted.offset == served.offset
    if held:
        return Settled(True, [] if is_current else held[-1:], served)
    newest = history.publications[-1] if history.publications else None
    if newest is None or newest.offset != top.offset:
        return Settled(is_current and top.offset > 0, [], served)
    return Settled(True, [] if is_current else [newest], served)
