"""A Redis Cluster of our own: masters that share the slots, and replicas that take over when one of them dies."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.redis import HOST, RedisServer, started, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NUM_SLOTS: Final = 16_384

_SETTINGS: Final = {
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": "1000",
    "cluster-require-full-coverage": "no",
    "cluster-replica-validity-factor": "0",
    "cluster-migration-barrier": "1",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",  # CLUSTER SLOTS leaves out a replica that has not been pinged
}


class RedisCluster:
    """Masters first, then replicas; the n-th replica follows the n-th master.

    The servers stay the same when roles change: ask `primary_of`.
    """

    def __init__(self, masters: Sequence[RedisServer], replicas: Sequence[RedisServer]) -> None:
        self.masters = list(masters)
        self.replicas = list(replicas)

    @property
    def servers(self) -> list[RedisServer]:
        return [*self.masters, *self.replicas]

    @property
    def addresses(self) -> list[str]:
        return [server.address for server in self.servers]

    def form(self) -> None:
        """Give out the slots evenly, introduce the servers to each other, and wait until all of them agree."""
        first, *others = self.servers
        for number, master in enumerate(self.masters):
            master.command("CLUSTER", "ADDSLOTSRANGE", *_share(number, len(self.masters)))
            master.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in others:
            first.command("CLUSTER", "MEET", HOST, server.port, server.settings["cluster-port"])
        if self.replicas:
            wait_until(self._knows_itself, lambda: "the cluster's servers did not meet")
            for master, replica in zip(self.masters, self.replicas, strict=False):
                replica.command("CLUSTER", "REPLICATE", master.command("CLUSTER", "MYID"))
        wait_until(self.is_settled, lambda: f"the cluster did not form:\n{first.log[-2000:]}")

    def is_settled(self) -> bool:
        """Every running server sees every slot served, every replica following, and nobody failing."""
        return self._knows_itself() and all(map(self._sees_all, self._running()))

    async def settled(self) -> None:
        await eventually(self.is_settled)

    async def primary_of(self, slot: int) -> RedisServer:
        """Who serves the slot, as the first running server sees it."""
        for start, end, (_, port, *_), *_ in await self._running()[0].execute("CLUSTER", "SLOTS"):
            if start <= slot <= end:
                return self._at(port)
        raise AssertionError(f"nobody serves slot {slot}")

    async def slot_of(self, key: str) -> int:
        return int(await self._running()[0].execute("CLUSTER", "KEYSLOT", key))

    async def move_slot(self, slot: int, target: RedisServer) -> None:
        """Reshard one slot while it is in use: keys move one by one, ASK while it lasts, MOVED afterwards."""
        source = await self.primary_of(slot)
        await self.begin_move(slot, source, target)
        while keys := await source.execute("CLUSTER", "GETKEYSINSLOT", slot, 100):
            await source.execute("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
        await self.end_move(slot, target)

    async def begin_move(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        """From now on the source answers ASK for keys that it does not have."""
        await target.execute("CLUSTER", "SETSLOT", slot, "IMPORTING", await source.execute("CLUSTER", "MYID"))
        await source.execute("CLUSTER", "SETSLOT", slot, "MIGRATING", await target.execute("CLUSTER", "MYID"))

    async def end_move(self, slot: int, target: RedisServer) -> None:
        """The target owns the slot, and whoever was a master at first knows; the others hear of it."""
        owner = await target.execute("CLUSTER", "MYID")
        told = [server for server in self._running() if server in self.masters and server is not target]
        for server in (target, *told):
            await server.execute("CLUSTER", "SETSLOT", slot, "NODE", owner)

    def reset(self) -> None:
        for master in self.masters:
            master.reset()

    def _running(self) -> list[RedisServer]:
        return [server for server in self.servers if server.is_running]

    def _at(self, port: int) -> RedisServer:
        return next(server for server in self.servers if server.port == port)

    def _knows_itself(self) -> bool:
        return all(_num_known(server) == len(self.servers) for server in self._running())

    def _sees_all(self, server: RedisServer) -> bool:
        info = str(server.command("CLUSTER", "INFO"))
        followed = sum(len(row) - 3 for row in server.command("CLUSTER", "SLOTS"))
        is_complete = f"cluster_slots_ok:{NUM_SLOTS}" in info and "cluster_state:ok" in info
        return is_complete and followed >= len([one for one in self.replicas if one.is_running])


def _share(number: int, of: int) -> tuple[int, int]:
    """First and last slot of a master."""
    return NUM_SLOTS * number // of, NUM_SLOTS * (number + 1) // of - 1


def _num_known(server: RedisServer) -> int:
    """How many servers it knows, itself included; those it is still shaking hands with are not there yet."""
    lines = str(server.command("CLUSTER", "NODES")).splitlines()
    return sum("handshake" not in line for line in lines)


@contextmanager
def redis_cluster(
    num_masters: int = 3, num_replicas: int = 0, *, settings: Mapping[str, str] | None = None, password: str = ""
) -> Iterator[RedisCluster]:
    """A cluster that serves every slot; gone afterwards. `settings` and `password` are as with `RedisServer`."""
    with tempfile.TemporaryDirectory(prefix="syncline-cluster-") as directory:
        numbers = range(num_masters + num_replicas)
        servers = [_server(Path(directory) / str(number), settings or {}, password) for number in numbers]
        with started(servers):
            cluster = RedisCluster(servers[:num_masters], servers[num_masters:])
            cluster.form()
            yield cluster


def _server(directory: Path, settings: Mapping[str, str], password: str) -> RedisServer:
    directory.mkdir()
    own = {"cluster-port": str(free_port())}
    return RedisServer(directory, settings={**_SETTINGS, **own, **settings}, password=password)
