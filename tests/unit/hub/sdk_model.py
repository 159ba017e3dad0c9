"""What an SDK knows of its subscriptions, and what it may therefore be told next.

It follows the SDKs (docs/protocol.md section 3): it keeps the position from each subscribe reply and moves it with each
publication. Whatever it is told is compared with the log of everything that was published.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.unit.hub.gated_engine import Reading

Message = dict[str, Any]


class Place(NamedTuple):
    """A position as clients have it."""

    offset: int
    epoch: str


class Kind(enum.Enum):
    """What a channel promises."""

    STREAM = enum.auto()
    CACHE = enum.auto()
    AUTO_CACHE = enum.auto()
    POSITIONED = enum.auto()
    LOOSE = enum.auto()  # history, and no promise
    PLAIN = enum.auto()  # no history

    @property
    def is_positioned(self) -> bool:
        return self not in (Kind.LOOSE, Kind.PLAIN)

    @property
    def is_recoverable(self) -> bool:
        return self in (Kind.STREAM, Kind.CACHE, Kind.AUTO_CACHE)


class Phase(enum.Enum):
    UNSUBSCRIBED = enum.auto()
    SUBSCRIBING = enum.auto()
    SUBSCRIBED = enum.auto()


class Entry(NamedTuple):
    """One publication: the how manieth of all it is, where it was published, and its place (offset 0: none)."""

    turn: int
    channel: str
    place: Place


class Log:
    """Everything that was ever published, by its data: numbers, of which none is used twice."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.tops: dict[tuple[str, str], int] = {}

    def add(self, channel: str, place: Place, number: int) -> None:
        assert number not in self.entries
        self.entries[number] = Entry(len(self.entries) + 1, channel, place)
        if place.offset:
            assert place.offset == self.top(channel, place.epoch) + 1, "the stream has a gap"
            self.tops[channel, place.epoch] = place.offset

    def top(self, channel: str, epoch: str) -> int:
        return self.tops.get((channel, epoch), 0)


class Wanted(NamedTuple):
    """A request to subscribe: where from, and whether "not recovered" is to be an error."""

    place: Place | None
    rejects_unrecovered: bool = False


@dataclass
class SDKSubscription:
    """One channel of one client.

    Attributes:
        place: up to where it has everything; None before its first subscribe reply.
        is_told_to_return: it was ended with a code on which SDKs subscribe again.
    """

    channel: str
    kind: Kind
    log: Log
    limit: int
    phase: Phase = Phase.UNSUBSCRIBED
    place: Place | None = None
    wanted: Wanted = field(default_factory=lambda: Wanted(None))
    is_told_to_return: bool = False
    pending_id: int = 0
    last_turn: int = 0

    # --- subscribe replies ------------------------------------------------------------------------------------------

    def take_reply(self, result: Message, reading: Reading | None) -> None:
        """A subscribe reply, or the entry of a connect reply."""
        assert result.get("recoverable", False) == self.kind.is_recoverable
        assert result.get("positioned", False) == self.kind.is_positioned
        assert result.get("was_recovering", False) == (self.kind.is_recoverable and self.wanted.place is not None)
        assert "publications" not in result or result["recovered"], "publications of an unrecovered subscription"
        assert result.get("publications") != [], "an empty list is left out"
        self.phase = Phase.SUBSCRIBED
        self.is_told_to_return = False
        if not self.kind.is_positioned:
            assert not {"epoch", "offset", "recovered", "publications"} & set(result)
            self.place = None
            return
        assert reading is not None, "answered without reading the stream"
        self.begin(result, reading)
        self.require_agreement(result, reading)

    def begin(self, result: Message, reading: Reading) -> None:
        """Stand where the reply says, and go through what was recovered."""
        assert result["epoch"] == reading.epoch
        self.place = Place(result.get("offset", 0), result["epoch"])
        publications = result.get("publications", [])
        if self.kind is Kind.STREAM:
            for publication in publications:
                self.take_publication(publication)
        elif publications:
            (publication,) = publications
            self.jump_to(publication)
        assert self.place.offset >= reading.top, "it begins before what was there already"
        top = self.log.top(self.channel, reading.epoch)
        assert self.place.offset <= top, "it begins behind what was never published"

    def require_agreement(self, result: Message, reading: Reading) -> None:
        """Recovered exactly when the rules say so."""
        is_recovered = result.get("recovered", False)
        wanted = self.wanted_place
        if wanted is None:
            assert not is_recovered
            return
        assert self.place is not None
        assert is_recovered == self.is_obtainable(wanted, reading, self.place.offset)
        if is_recovered:
            assert result.get("offset", 0) == wanted.offset, "trap 5: the offset is the one asked from"
        if is_recovered and self.kind is not Kind.STREAM:
            is_there = wanted == self.place and wanted.offset > 0
            assert is_there != ("publications" in result), "the newest is given unless the client has it"

    @property
    def wanted_place(self) -> Place | None:
        """Where from, as the node takes it."""
        if not self.kind.is_recoverable:
            return None
        if self.wanted.place is None and self.kind is Kind.AUTO_CACHE:
            return Place(0, "")
        return self.wanted.place

    def is_obtainable(self, wanted: Place, reading: Reading, served: int) -> bool:
        """Whether everything that the client misses, up to `served`, could be given."""
        if self.kind is Kind.STREAM:
            missed = range(wanted.offset + 1, reading.top + 1)
            return (
                wanted.epoch in ("", reading.epoch)
                and wanted.offset <= reading.top
                and set(missed) <= set(reading.kept)
                and served - wanted.offset <= self.limit
            )
        is_at_client = wanted == Place(served, reading.epoch) and served > 0
        return is_at_client or served > reading.top or served in reading.kept

    def take_refusal(self, code: int, reading: Reading | None) -> None:
        """The subscribe command that it waits for has failed."""
        self.phase = Phase.UNSUBSCRIBED
        if code == 112:
            assert self.wanted.rejects_unrecovered
            wanted = self.wanted_place
            assert wanted is not None
            assert reading is not None
            # How far it would have been served is not known: as far as makes recovery hardest.
            served = self.log.top(self.channel, reading.epoch) if self.kind is Kind.STREAM else reading.top
            assert not self.is_obtainable(wanted, reading, served), "it could have been recovered"

    # --- publications -----------------------------------------------------------------------------------------------

    def take_push(self, publication: Message) -> None:
        assert self.phase is Phase.SUBSCRIBED, "a publication outside a subscription"
        self.take_publication(publication)

    def take_publication(self, publication: Message) -> None:
        """The next one, whatever way it comes."""
        turn, place = self.find(publication)
        if place.offset and self.kind.is_positioned:
            assert self.place is not None
            assert place == Place(self.place.offset + 1, self.place.epoch), "gap, double or other epoch"
            self.place = place
        else:
            assert turn > self.last_turn, "doubled, or out of order"
            self.last_turn = turn

    def jump_to(self, publication: Message) -> None:
        """The newest publication of a cache: what lies between does not matter."""
        _, place = self.find(publication)
        assert self.place is not None
        assert place.epoch == self.place.epoch
        self.place = place

    def find(self, publication: Message) -> tuple[int, Place]:
        """Its turn among all publications, and its place."""
        assert publication["data"] in self.log.entries, "never published"
        turn, channel, place = self.log.entries[publication["data"]]
        assert (channel, place.offset) == (self.channel, publication.get("offset", 0))
        return turn, place

    # --- ends -------------------------------------------------------------------------------------------------------

    def take_unsubscribe(self, code: int) -> None:
        assert self.phase is not Phase.UNSUBSCRIBED, f"{self.channel} ended twice: {code}"
        self.phase = Phase.UNSUBSCRIBED
        self.is_told_to_return = code >= 2500
