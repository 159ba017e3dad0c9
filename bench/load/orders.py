"""What the orchestrator asks of the generator, and what it gets back: one JSON object per line, each way."""

from __future__ import annotations

import msgspec

from bench.floors.on_request import WorkReport
from bench.load.arrivals import ArrivalReport
from bench.load.closed_loop import LoopReport
from bench.load.fan_out import FanOutReport
from bench.load.fleet import PacedReport
from bench.load.redis_feed import Doorbell
from bench.load.revocations import RevocationReport
from bench.load.stall import StallReport
from bench.load.target import Target


class Open(msgspec.Struct, tag="open", frozen=True):
    """Open and keep `count` joined connections.

    With `with_tokens`, each has its own user's token, the same in every order of that count.
    """

    target: Target
    channel: str
    count: int
    with_tokens: bool = False


class Gather(msgspec.Struct, tag="gather", frozen=True):
    """Make the kept connections a swarm and open a publisher for it."""

    target: Target
    channel: str


class FanOut(msgspec.Struct, tag="fan_out", frozen=True):
    seconds: float
    burst: int
    message_bytes: int


class Flood(msgspec.Struct, tag="flood", frozen=True):
    """So many bursts, watching the memory of process `server_pid`."""

    server_pid: int
    bursts: int
    burst: int
    message_bytes: int


class Stall(msgspec.Struct, tag="stall", frozen=True):
    """The same with one more subscriber that does not read, until the server has let go of it."""

    target: Target
    channel: str
    server_pid: int
    give_up_after_s: float
    burst: int
    message_bytes: int


class Publishes(msgspec.Struct, tag="publishes", frozen=True):
    target: Target
    channel: str
    connections: int
    per_request: int
    seconds: float
    message_bytes: int


class Commands(msgspec.Struct, tag="commands", frozen=True):
    """On the kept connections."""

    target: Target
    channel: str
    per_frame: int
    seconds: float
    message_bytes: int


class Work(msgspec.Struct, tag="work", frozen=True):
    """Have a process of `bench.floors.on_request` do its work."""

    target: Target
    seconds: float


class Await(msgspec.Struct, tag="await", frozen=True):
    """Messages `first` and on come of themselves: to the one that is gathered, or to a process that takes them."""

    target: Target
    first: int
    count: int


class Feed(msgspec.Struct, tag="feed", frozen=True):
    """Publish so many to Redis, and have a process of `bench.floors.on_request` take them."""

    target: Target
    doorbell: Doorbell
    count: int
    per_second: float
    message_bytes: int


class Enlist(msgspec.Struct, tag="enlist", frozen=True):
    """Users with so many devices each, logged in and connected, in place of whoever was enlisted before.

    Who has been logged in stays so until `Close`.
    """

    target: Target
    users: int
    devices: int


class Write(msgspec.Struct, tag="write", frozen=True):
    """The first device of each enlisted user writes, and writes again when it has been answered."""

    seconds: float


class WritePaced(msgspec.Struct, tag="write_paced", frozen=True):
    """They write so often per second all together, whether or not they have been answered."""

    per_second: float
    seconds: float


class Revoke(msgspec.Struct, tag="revoke", frozen=True):
    """One user's sessions, with connections each: end so many, one after the other; each is followed by a new one."""

    target: Target
    sessions: int
    connections: int
    revocations: int


class Close(msgspec.Struct, tag="close", frozen=True):
    """Close whatever is kept."""


class Opened(msgspec.Struct, tag="opened", frozen=True):
    connections: int
    elapsed_s: float
    generator_busy: float  # share of one core


class FannedOut(msgspec.Struct, tag="fanned_out", frozen=True):
    phase: FanOutReport


class Flooded(msgspec.Struct, tag="flooded", frozen=True):
    phase: FanOutReport
    rss_growth_bytes: int


class Stalled(msgspec.Struct, tag="stalled", frozen=True):
    phase: FanOutReport
    stall: StallReport


class Looped(msgspec.Struct, tag="looped", frozen=True):
    phase: LoopReport


class Worked(msgspec.Struct, tag="worked", frozen=True):
    phase: WorkReport


class Arrived(msgspec.Struct, tag="arrived", frozen=True):
    phase: ArrivalReport


class Paced(msgspec.Struct, tag="paced", frozen=True):
    phase: PacedReport


class Revoked(msgspec.Struct, tag="revoked", frozen=True):
    phase: RevocationReport


class Done(msgspec.Struct, tag="done", frozen=True):
    pass


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The phase is void. `reason` is what the server did instead."""

    reason: str


Order = (
    Open
    | Gather
    | FanOut
    | Flood
    | Stall
    | Publishes
    | Commands
    | Work
    | Await
    | Feed
    | Enlist
    | Write
    | WritePaced
    | Revoke
    | Close
)
Answer = Opened | FannedOut | Flooded | Stalled | Looped | Worked | Arrived | Paced | Revoked | Done | Failed
