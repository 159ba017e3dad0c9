"""The topology of a Redis Cluster: primaries that share the slots, and tell who has which."""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hub.engines.redis.config import Address
from hub.engines.redis.failures import ServerError
from hub.engines.redis.informants import Informants, described
from hub.engines.redis.roles import vet_primary
from hub.engines.redis.topology import NUM_SLOTS, ServerMap
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hub.clock import Clock
    from hub.engines.redis.informants import Statement
    from hub.engines.redis.link import Link
    from hub.engines.redis.opening import Credentials

REFRESH_INTERVAL_S: Final = 5.0
"""What moves is found out by MOVED or by a lost connection; this is for what neither shows."""

UNKNOWN_ENDPOINT: Final = b"?"
"""What a server says of another whose host name it is to give and does not know."""


class Claim(NamedTuple):
    """A primary's right to its slots, as one server sees it: of two for one slot, that of the later epoch is right."""

    epoch: int
    primary: Address
    slots: tuple[range, ...]


class Cluster:
    """Asks every primary it knows, waits for more than half of them, and puts together what they say, slot by slot.

    Right after an election or a resharding servers disagree. Whoever has a slot knows so first, and its epoch is the
    highest: it is believed as soon as it is among those that answer.

    Args:
        seeds: asked when nobody else is known, and beside the others when those are few.
        io_timeout_s: for all answers together.
    """

    is_cluster = True
    refresh_interval_s = REFRESH_INTERVAL_S

    def __init__(
        self,
        seeds: Sequence[Address],
        credentials: Credentials,
        clock: Clock,
        *,
        connect_timeout_s: float,
        io_timeout_s: float,
    ) -> None:
        self._seeds = tuple(dict.fromkeys(seeds))
        self._known: tuple[Address, ...] = ()
        self._io_timeout_s = io_timeout_s
        self._servers = Informants(
            credentials, clock, connect_timeout_s=min(connect_timeout_s, io_timeout_s), deadline_s=io_timeout_s
        )

    async def locate(self) -> ServerMap:
        sources = self._known + self._seeds
        enough = len(self._known) // 2 + 1
        answers = await self._servers.ask(sources, ask_claims, enough)
        merged = merge(statement.answer for statement in answers)
        if not merged.primaries:
            raise EngineUnavailable(f"no server of the cluster says who has the slots: {self._complaint(answers)}")
        self._known = merged.primaries
        return merged

    async def vet(self, link: Link) -> None:
        await vet_primary(link, self._io_timeout_s)

    async def close(self) -> None:
        self._servers.close()

    def _complaint(self, answers: list[Statement[list[Claim]]]) -> str:
        return described(self._servers.failures) or f"{len(answers)} answered that nobody has any"


async def ask_claims(link: Link, source: Address) -> list[Claim]:
    """What one server knows. CLUSTER NODES has the epochs, CLUSTER SLOTS the addresses that clients are to use.

    Raises:
        ServerError: it is in no cluster, or what it says cannot be understood.
    """
    slots, nodes = await asyncio.gather(link.call("CLUSTER", "SLOTS"), link.call("CLUSTER", "NODES"))
    try:
        return list(claims_in(nodes, endpoints_in(slots, source.host)))
    except (ValueError, LookupError, TypeError, AttributeError) as exc:
        raise ServerError("ERR not the answer of a cluster's server") from exc


def endpoints_in(slots: list[list[Any]], host: str) -> dict[bytes, Address]:
    """Where to reach each primary, by its id; `host` is where the server that answered was reached."""
    primaries = (entry[2] for entry in slots)
    return {node: Address(_host(endpoint, more, host), port) for endpoint, port, node, *more in primaries}


def claims_in(nodes: bytes, endpoints: dict[bytes, Address]) -> Iterator[Claim]:
    """Lines of CLUSTER NODES: id, address, flags, primary, ping, pong, epoch, link state, slots."""
    for line in nodes.splitlines():
        node, _, flags, _, _, _, epoch, _, *slots = line.split(b" ")
        if b"master" in flags.split(b",") and node in endpoints:
            yield Claim(int(epoch), endpoints[node], tuple(_ranges(slots)))


def merge(views: Iterable[Iterable[Claim]]) -> ServerMap:
    """One map of what several servers say: each slot belongs to the claim with the highest epoch."""
    claims = sorted({claim for view in views for claim in view}, key=lambda claim: claim.epoch)
    primaries = tuple(sorted({claim.primary for claim in claims}))
    by_slot = array("h", (-1,)) * NUM_SLOTS
    for claim in claims:  # later epochs overwrite
        index = primaries.index(claim.primary)
        for slots in claim.slots:
            by_slot[slots.start : slots.stop] = array("h", (index,)) * len(slots)
    return _without_idle(primaries, by_slot)


def _without_idle(primaries: tuple[Address, ...], by_slot: array[int]) -> ServerMap:
    """Leave out who lost all its slots to others."""
    busy = sorted(set(by_slot) - {-1})
    renumbered = {index: number for number, index in enumerate(busy)} | {-1: -1}
    return ServerMap(tuple(primaries[index] for index in busy), array("h", map(renumbered.__getitem__, by_slot)))


def _ranges(slots: Iterable[bytes]) -> Iterator[range]:
    """`7`, `10-20`; what is in brackets is on its way from one to another, and stays where it is until it is there."""
    for part in slots:
        if not part.startswith(b"["):
            first, _, last = part.partition(b"-")
            yield range(int(first), int(last or first) + 1)


def _host(endpoint: bytes | None, metadata: Sequence[Any], asked: str) -> str:
    """The preferred endpoint; without one, that of the server which answered; if it is unknown, the address."""
    if endpoint == UNKNOWN_ENDPOINT:
        fields = metadata[0] if metadata else []
        endpoint = dict(zip(fields[::2], fields[1::2], strict=False)).get(b"ip")
    return endpoint.decode() if endpoint else asked
