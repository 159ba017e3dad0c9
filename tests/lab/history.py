"""What happened in a run, as JSON lines: who wanted what, what came of it, what every client saw, what broke when.

The order of the lines is the order in which this process saw things happen. Everything a checker needs is in them, so
a history that was kept can be checked again: `python -m tests.lab check FILE`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import IO


class Op(Struct, frozen=True, kw_only=True, tag_field="op", omit_defaults=True):
    """One line.

    Attributes:
        at_s: since the run began.
    """

    at_s: float = 0.0


class Invoke(Op, frozen=True, kw_only=True, tag="invoke"):
    """A publisher is about to publish an event for the first time. From here on the truth knows it.

    Attributes:
        key: events of one key are published one after another, `seq` counting from 1.
    """

    event: str
    user: str
    channel: str
    key: str
    seq: int


class Outcome(Op, frozen=True, kw_only=True, tag="outcome"):
    """What came of it: `ok` is a promise, `fail` that it will never be delivered, `info` that nobody knows.

    Attributes:
        offset, epoch: where it is said to be, by a carrier that says so.
        attempts: how often it was sent, with the same idempotency key.
        failure: what became of the last attempt that was in vain.
    """

    event: str
    result: Literal["ok", "fail", "info"]
    channel: str = ""
    epoch: str = ""
    offset: int = 0
    attempts: int = 1
    failure: str = ""


class Subscribed(Op, frozen=True, kw_only=True, tag="subscribed"):
    """A client's subscription was granted.

    Attributes:
        epoch, offset: of the reply.
        since_epoch, since_offset: what the client asked to recover from; nothing on the first subscription.
        num_publications: how many the reply holds; they follow as `Received`.
    """

    client: str
    channel: str
    epoch: str
    offset: int
    since_epoch: str = ""
    since_offset: int = 0
    was_recovering: bool = False
    recovered: bool = False
    num_publications: int = 0


class Received(Op, frozen=True, kw_only=True, tag="received"):
    """A publication came to a client.

    Attributes:
        user: whose client it is.
        addressee: the user for whom the event was published, as its data says.
        epoch: of the subscription.
        is_new: the client had not had the event before: the application is told.
    """

    client: str
    user: str
    channel: str
    event: str
    addressee: str
    key: str
    seq: int
    epoch: str
    offset: int
    how: Literal["live", "recovered"] = "live"
    is_new: bool = True


class Reloaded(Op, frozen=True, kw_only=True, tag="reloaded"):
    """A client read the truth: on its first subscription, and whenever it was told that it was not recovered."""

    client: str
    channel: str
    events: list[str]
    why: Literal["first", "unrecovered"]


class Parted(Op, frozen=True, kw_only=True, tag="parted"):
    """A subscription or a connection ended, whoever ended it."""

    client: str
    what: str
    code: int = 0
    reason: str = ""


class Fault(Op, frozen=True, kw_only=True, tag="fault"):
    """Something was broken, or mended.

    Attributes:
        breaks_streams: what channels hold, or the proof of what they hold, may be gone: their epochs may change.
    """

    name: str
    phase: Literal["begin", "end"]
    breaks_streams: bool = False


class Logged(Op, frozen=True, kw_only=True, tag="logged"):
    """A node has written a stack trace: something that it did not reckon with.

    Attributes:
        text: the last line of the trace.
    """

    node: str
    text: str


class Final(Op, frozen=True, kw_only=True, tag="final"):
    """Where a client stands when all is quiet, and where the channel ends. Epoch "" is nowhere."""

    client: str
    user: str
    channel: str
    epoch: str
    offset: int
    top_epoch: str
    top_offset: int


AnyOp = Invoke | Outcome | Subscribed | Received | Reloaded | Parted | Fault | Logged | Final

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(AnyOp)


class History:
    """Records; the file has everything that was recorded, whatever becomes of the process."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self.ops: list[AnyOp] = []
        self._file = file
        self._began_s = time.monotonic()
        self._channels: dict[str, str] = {}
        self._events: dict[str, list[str]] = defaultdict(list)
        self._promised: dict[str, set[str]] = defaultdict(set)

    def add(self, op: AnyOp) -> None:
        """Record with the present time."""
        stamped = msgspec.structs.replace(op, at_s=round(time.monotonic() - self._began_s, 4))
        self.ops.append(stamped)
        if isinstance(stamped, Invoke):
            self._channels[stamped.event] = stamped.channel
            self._events[stamped.channel].append(stamped.event)
        elif isinstance(stamped, Outcome) and stamped.result == "ok":
            self._promised[self._channels[stamped.event]].add(stamped.event)
        if self._file is not None:
            self._file.write(_ENCODER.encode(stamped) + b"\n")
            self._file.flush()

    def truth_of(self, channel: str) -> list[str]:
        """What the application's own database would say: every event so far, published or about to be."""
        return list(self._events[channel])

    def promised_in(self, channel: str) -> set[str]:
        """The events so far whose publishers were told that they will come."""
        return self._promised[channel]


def load(file: Path) -> list[AnyOp]:
    """The lines of a history that was kept."""
    return [_DECODER.decode(line) for line in file.read_bytes().splitlines()]


def show(ops: Iterable[AnyOp]) -> str:
    """One line each, for people."""
    return "\n".join(_ENCODER.encode(op).decode() for op in ops)
