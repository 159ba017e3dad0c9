"""A Redis primary with replicas, and the sentinels that make one of those the primary when it dies."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.redis import HOST, RedisServer, started, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME: Final = "main"
"""What the sentinels call the primary."""

DOWN_AFTER_MS: Final = 1000
"""After this long without an answer a sentinel takes a server to be down."""

FAILOVER_TIMEOUT_MS: Final = 3000
"""A failed attempt is repeated after twice this long."""

NUM_SENTINELS: Final = 3

_REPLICATION: Final = {
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
    "repl-timeout": "5",
    "replica-serve-stale-data": "yes",
}


class Sentinel(RedisServer):
    """One sentinel. It rewrites its configuration as it learns.

    Attributes:
        known: lines of its first configuration: whom it watches.
    """

    program = "redis-sentinel"

    def __init__(self, directory: Path, password: str = "") -> None:
        super().__init__(directory, password=password)
        self.known: list[str] = []

    def _configuration(self) -> str:
        ours = [f"port {self.port}", f"dir {self.directory}", f"bind {HOST}", "protected-mode no"]
        ours += [f"requirepass {self.password}"] if self.password else []
        return "".join(f"{line}\n" for line in [*ours, *(f"sentinel {line}" for line in self.known)])


class SentinelGroup:
    """Servers of which one is primary, and their sentinels. The servers stay the same when roles change."""

    name = NAME

    def __init__(self, servers: Sequence[RedisServer], sentinels: Sequence[Sentinel]) -> None:
        self.servers = list(servers)
        self.sentinels = list(sentinels)

    @property
    def sentinel_addresses(self) -> list[str]:
        return [sentinel.address for sentinel in self.sentinels]

    async def primary(self) -> RedisServer:
        """Who the sentinels say it is."""
        return self._primary()

    async def replicas(self) -> list[RedisServer]:
        primary = self._primary()
        return [server for server in self.servers if server is not primary]

    async def fail_over(self) -> RedisServer:
        """Have the sentinels make a replica the primary, and wait until it is; the old one follows it later.

        Nothing that was replicated is lost. For a loss, kill the primary and wait for `other_primary`.
        """
        old = self._primary()
        await self._sentinel().execute("SENTINEL", "FAILOVER", NAME)
        return await self.other_primary(old)

    async def other_primary(self, old: RedisServer) -> RedisServer:
        """Wait until the sentinels name another primary than `old`, and it says so itself."""
        await eventually(lambda: self._has_other_primary(old), within_s=3 * PATIENCE_S)
        return self._primary()

    async def hold_back(self, replica: RedisServer) -> None:
        """Let it follow nobody: what is written from now on it does not get. The sentinels mend that after 8 s."""
        await replica.execute("REPLICAOF", HOST, free_port())

    def is_settled(self) -> bool:
        """The sentinels agree, every running server has the role they give it, and every replica is in step."""
        primary = self._primary()
        running = [server for server in self.servers if server.is_running]
        followers = [server.command("ROLE") for server in running if server is not primary]
        is_followed = all(role[:4] == ["slave", HOST, primary.port, "connected"] for role in followers)
        role, _, known = primary.command("ROLE")  # it lists a replica once it sends to it
        is_primary = role == "master" and len(known) == len(followers)
        return is_followed and is_primary and all(map(self._is_informed, self.sentinels))

    async def settled(self) -> None:
        await eventually(self.is_settled, within_s=3 * PATIENCE_S)

    def wait_until_settled(self) -> None:
        wait_until(self.is_settled, lambda: f"the sentinels did not settle:\n{self.sentinels[0].log[-2000:]}")

    def reset(self) -> None:
        self._primary().reset()

    def _sentinel(self) -> Sentinel:
        return next(sentinel for sentinel in self.sentinels if sentinel.is_running)

    def _primary(self) -> RedisServer:
        _, port = self._sentinel().command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return next(server for server in self.servers if server.port == int(port))

    def _has_other_primary(self, old: RedisServer) -> bool:
        named = self._primary()
        return named is not old and named.command("ROLE")[0] == "master"

    def _is_informed(self, sentinel: Sentinel) -> bool:
        """It would take part in a failover now: it knows the others and every replica."""
        state = _pairs(sentinel.command("SENTINEL", "MASTER", NAME))
        known = (int(state["num-slaves"]), int(state["num-other-sentinels"]))
        is_agreed = int(state["port"]) == self._primary().port and state["flags"] == "master"
        return is_agreed and known == (len(self.servers) - 1, len(self.sentinels) - 1)


def _pairs(answer: dict[str, str] | list[str]) -> dict[str, str]:
    """A map, in either version of the protocol."""
    return answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))


@contextmanager
def redis_sentinel(
    num_replicas: int = 1,
    *,
    settings: Mapping[str, str] | None = None,
    password: str = "",
    sentinel_password: str = "",
) -> Iterator[SentinelGroup]:
    """A primary, replicas in step with it and three sentinels; gone afterwards.

    Args:
        settings: lines of redis.conf for every server, not for sentinels.
        password: of every server, not of sentinels.
    """
    of_servers = {**_REPLICATION, **(settings or {})}
    if password:
        of_servers |= {"requirepass": password, "masterauth": password}
    with tempfile.TemporaryDirectory(prefix="syncline-sentinel-") as directory:
        places = _directories(Path(directory))
        servers = [RedisServer(next(places), settings=of_servers, password=password) for _ in range(num_replicas + 1)]
        sentinels = [Sentinel(next(places), sentinel_password) for _ in range(NUM_SENTINELS)]
        _introduce(servers, sentinels)
        if password:
            for sentinel in sentinels:
                sentinel.known.append(f"auth-pass {NAME} {password}")
        with started(servers), started(sentinels):
            group = SentinelGroup(servers, sentinels)
            group.wait_until_settled()
            yield group


def _directories(parent: Path) -> Iterator[Path]:
    for number in count():
        directory = parent / str(number)
        directory.mkdir()
        yield directory


def _introduce(servers: Sequence[RedisServer], sentinels: Sequence[Sentinel]) -> None:
    """Write down what they would find out in some seconds: who is primary, who follows, and who else watches."""
    primary, *replicas = servers
    for replica in replicas:
        replica.settings["replicaof"] = f"{HOST} {primary.port}"
    ids = {sentinel: secrets.token_hex(20) for sentinel in sentinels}
    for sentinel in sentinels:
        others = [f"{other.port} {uid}" for other, uid in ids.items() if other is not sentinel]
        sentinel.known = [
            f"myid {ids[sentinel]}",
            f"monitor {NAME} {HOST} {primary.port} {len(sentinels) // 2 + 1}",
            f"down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"failover-timeout {NAME} {FAILOVER_TIMEOUT_MS}",
            *(f"known-replica {NAME} {HOST} {replica.port}" for replica in replicas),
            *(f"known-sentinel {NAME} {HOST} {other}" for other in others),
        ]
