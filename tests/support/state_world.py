"""A user's devices, the wire between them and a server, and everything that may happen to any of these."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from hub.engines.memory import MemoryEngine
from sessions.channels import state_channel
from sessions.config import StateConfig
from sessions.principal import Principal
from sessions.refusal import Refusal
from storage.database import Query, StorageUnavailable
from tests.support.clock import FakeClock
from tests.support.json_patching import ABSENT, mutated
from tests.support.patience import eventually
from tests.support.recording_listener import RecordingListener
from tests.support.replica import Failure, Replica, Request
from tests.support.state_node import StateNode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from storage.database import Row, Storage, Transaction

KEY = "doc"
DEVICES = ("laptop", "phone", "tablet")
CONFIG = StateConfig(changes_kept=2, tombstone_ttl_s=3_600, log_quota_bytes=150, mutation_rate_per_s=0)
"""With a log that is full after some ten changes."""
DAY_S = 25 * 3600

TABLES = {
    "state_users": "user_id, documents, bytes, floor_version, log_bytes",
    "state_documents": "user_id, key, version, value, updated_ms, stripped_version",
    "state_changes": "user_id, key, version, mutation, digest, device, kind, at_ms, bytes, patch",
    "outbox": "id, channel, data, at_ms",
}
DUMP = {name: Query(f"test_dump_{name}", f"SELECT {columns} FROM {name}") for name, columns in TABLES.items()}
HOLD_STILL = Query(
    "test_hold_still", "UPDATE facts SET value = value", f"LOCK TABLE {', '.join(TABLES)} IN EXCLUSIVE MODE"
)
EMPTY = {name: Query(f"test_empty_{name}", f"DELETE FROM {name}") for name in TABLES}
FILL = {
    name: Query(
        f"test_fill_{name}",
        f"INSERT INTO {name} ({columns}) VALUES ({', '.join(f'${n + 1}' for n in range(columns.count(',') + 1))})",
    )
    for name, columns in TABLES.items()
}
NEW_EPOCH = Query("test_new_epoch", "UPDATE facts SET value = $1 WHERE name = 'state_epoch'")
LOG = Query("test_log", "SELECT version, mutation, kind, patch FROM state_changes WHERE user_id = $1 ORDER BY version")
LOG_BYTES = Query(
    "test_log_bytes",
    """SELECT log_bytes, (SELECT sum(length(patch)) FROM state_changes WHERE user_id = $1) FROM state_users
       WHERE user_id = $1""",
)
"""In one statement: a node that has just started forgets meanwhile. Patches are ASCII here."""


_users = count(1)


class Listener(RecordingListener):
    """Hands publications to the devices that are connected."""

    def __init__(self, deliver: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._deliver = deliver

    def on_publication(self, channel: str, publication: Any, position: Any) -> None:
        self._deliver(json.loads(bytes(publication.data)))


@dataclass
class Device:
    """One device: what it knows, and what is on the wire to it and from it."""

    did: str
    replica: Replica
    asked: deque[Request] = field(default_factory=deque)
    inbox: list[tuple[Request | None, Any]] = field(default_factory=list)

    @property
    def is_at_rest(self) -> bool:
        return self.replica.is_connected and self.replica.is_idle and not self.inbox


class World:
    """`storage` outlives it: every world has a user of its own.

    Attributes:
        is_cluster: the devices are connected to other nodes than the one that serves their requests, and the engine
            outlives it: when it ends they stay connected, and only the outbox can tell them of its last acts.
    """

    is_cluster = False

    def __init__(self, storage: Storage, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.storage = storage
        self.run = run
        self.clock = FakeClock()
        self.user = f"user-{next(_users)}"
        self._ids = count(1)
        self._edits = count(1)
        self.ids_of: dict[int, set[str]] = {}
        self.updates: set[str] = set()  # ids of mutations that were computed from the version they were sent against
        self.devices = {did: Device(did, Replica(KEY, self.clock, self._new_id)) for did in DEVICES}
        self.strays: list[tuple[Device, Request]] = []
        self.node: StateNode | None = None
        self.engine = MemoryEngine(self.clock)
        self.backup: dict[str, list[Row]] | None = None
        self.applied: set[tuple[int, str]] = set()  # (version, mutation id), beyond what the log still has
        self.has_restored = False
        run(storage.business.run(lambda tx: tx.execute(EMPTY["outbox"])))  # of a world that has failed
        self.start()

    def _new_id(self) -> str:
        return f"{self.user}-m{next(self._ids)}"

    # --- the server -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new process on the same database; rows that the last one had in its hands are free by then."""
        if self.node is None:
            self.clock.advance(1)
            self.run(self._start())

    async def _start(self) -> None:
        if not self.is_cluster:
            self.engine = MemoryEngine(self.clock)
        self.node = await StateNode(self.storage, self.clock, engine=self.engine, config=CONFIG).__aenter__()
        self.engine.bind(Listener(self._publish))
        await self.engine.subscribe(state_channel(self.user, KEY))

    def stop(self) -> None:
        """The process ends, wherever it is, and with it the connections to it."""
        if self.node is not None:
            node, self.node = self.node, None
            self.run(node.__aexit__(None, None, None))
        if not self.is_cluster:
            self.cut_all()

    def cut_all(self) -> None:
        for device in self.devices.values():
            self.cut(device)

    def crash_at(self, point: str) -> None:
        """The next time that it gets there."""
        if self.node is not None:
            self.node.crash_at = point

    def _notice_crash(self) -> None:
        if self.node is not None and self.node.has_crashed.is_set():
            self.stop()

    def _publish(self, change: dict[str, Any]) -> None:
        for device in self.devices.values():
            if device.replica.is_connected:
                device.inbox.append((None, change))

    def handle(self, requests: list[tuple[Device, Request]]) -> None:
        """The server takes these at once, and answers; nobody hears the answers of one that crashes."""
        self._notice_crash()
        if self.is_cluster:
            self.start()
        if self.node is None:
            return
        answers = self.run(self._handle(self.node, requests))
        if self.node.has_crashed.is_set():
            answers = [Failure(503, is_temporary=True)] * len(answers)
        self._notice_crash()
        for (device, request), answer in zip(requests, answers, strict=True):
            if request.connection == device.replica.connection and device.replica.is_connected:
                device.inbox.append((request, answer))

    async def _handle(self, node: StateNode, requests: list[tuple[Device, Request]]) -> list[Any]:
        answers = await asyncio.gather(*(self._answer(node, device, request) for device, request in requests))
        for _ in range(10):  # the outbox publishes within a few steps of the loop, or later
            await asyncio.sleep(0)
        return answers

    async def _answer(self, node: StateNode, device: Device, request: Request) -> Any:
        principal = Principal(self.user, "sid", device.did, frozenset())
        try:
            answer = await node.methods[request.method](principal, json.dumps(request.data).encode())
        except Refusal as exc:
            return Failure(exc.kind.value, is_temporary=False)
        except StorageUnavailable:
            return Failure(503, is_temporary=True)
        return json.loads(msgspec.json.encode(answer))

    # --- the devices ------------------------------------------------------------------------------------------------

    def edit(self, device: Device, kind: str, patch: Any) -> None:
        device.replica.edit(next(self._edits), kind, patch)

    def update(self, device: Device) -> None:
        """Count one up: lost when two do it on the same value."""
        device.replica.update(next(self._edits), _count_up)

    def ask(self, device: Device) -> None:
        """Put what the device wants to know on the wire."""
        for request in device.replica.requests():
            device.asked.append(request)
            if request.edit >= 0:
                self.ids_of.setdefault(request.edit, set()).add(request.data["mutation"])
            edit = next((edit for edit in device.replica.queue if edit.number == request.edit), None)
            if edit is not None and edit.update is not None:
                self.updates.add(edit.id)

    def connect(self, device: Device) -> None:
        self._notice_crash()
        self.start()
        if not device.replica.is_connected:
            device.replica.connect()

    def cut(self, device: Device) -> None:
        """What was on its way to the server may still arrive there; what was on its way back is lost."""
        if device.replica.is_connected:
            self.strays += [(device, request) for request in device.asked]
            device.asked.clear()
            device.inbox.clear()
            device.replica.cut()

    def reload(self, device: Device) -> None:
        """Its functions are gone: what is rebased now keeps what was computed before."""
        self.cut(device)
        self.updates -= {edit.id for edit in device.replica.queue}
        device.replica = device.replica.reloaded()

    def deliver(self, device: Device, place: int = 0, *, is_repeated: bool = False) -> None:
        """Something of what is on the wire to the device; it may come again."""
        if not device.inbox:
            return
        place %= len(device.inbox)
        request, message = device.inbox[place]
        if request is not None:
            del device.inbox[place]
            device.replica.on_answer(request, message)
        else:
            if not is_repeated:
                del device.inbox[place]
            device.replica.on_publication(message)

    # --- fate -------------------------------------------------------------------------------------------------------

    def a_day_passes(self) -> None:
        """No request is on the wire for so long; the server forgets what it may."""
        self.strays.clear()
        self.cut_all()
        self.clock.advance(DAY_S)
        self._read_log()
        self._notice_crash()
        if self.node is not None:
            self.run(self.node.documents.sweep())

    def back_up(self) -> None:
        self.backup = self.run(self.storage.business.run(_dump))

    def restore(self) -> None:
        """The database becomes what it was at the backup, and its history another one."""
        if self.backup is None:
            return
        self.stop()
        self.cut_all()
        self.strays.clear()
        self.engine = MemoryEngine(self.clock)
        self.run(self.storage.business.run(self._fill))
        self.applied.clear()
        self.has_restored = True

    async def _fill(self, tx: Transaction) -> None:
        assert self.backup is not None
        for name, rows in self.backup.items():
            await tx.execute(EMPTY[name])
            await tx.execute_many(FILL[name], rows)
        await tx.execute(NEW_EPOCH, f"epoch-{self._new_id()}")

    # --- the end ----------------------------------------------------------------------------------------------------

    def quiesce(self) -> None:
        """Let everything arrive, until nobody has anything left to say."""
        self._notice_crash()
        if self.node is not None:
            self.node.crash_at = ""
        self.start()
        for device, request in self.strays:
            self.handle([(device, request)])
        self.strays.clear()
        self.run(eventually(self._is_outbox_empty, within_s=3))
        for _ in range(500):
            if all(device.is_at_rest for device in self.devices.values()):
                return
            for device in self.devices.values():
                self.exchange(device)
        raise AssertionError("it does not come to rest")

    def exchange(self, *devices: Device) -> None:
        """All that they want to know, in one group, and all that there is to hear."""
        for device in devices:
            self.connect(device)
            self.ask(device)
        self.handle([(device, device.asked.popleft()) for device in devices for _ in list(device.asked)])
        for device in devices:
            while device.inbox:
                self.deliver(device)

    async def _is_outbox_empty(self) -> bool:
        assert self.node is not None
        return await self.node.outbox_rows() == 0

    def check(self) -> None:
        """After `quiesce`: what must be true whatever has happened."""
        assert self.node is not None
        document = self.run(self.node.documents.get(self.user, KEY))
        value = json.loads(bytes(document.value)) if document.value else ABSENT
        for device in self.devices.values():
            replica = device.replica
            assert (replica.epoch, replica.version) == (document.epoch, document.version), device.did
            assert replica.value == value, device.did
            assert replica.shown == value, device.did
        self._check_log(self._read_log(), document.version, value)
        self._check_edits()

    def _read_log(self) -> list[Row]:
        log: list[Row] = self.run(self.storage.business.fetch(LOG, self.user))
        self.applied |= {(version, mutation) for version, mutation, *_ in log}
        return log

    def _check_log(self, log: list[Row], version: int, value: Any) -> None:
        versions = [row[0] for row in log]
        assert versions == list(range(version - len(log) + 1, version + 1)), "a gap"
        self._check_weight()
        if not log or versions[0] != 1 or any(kind != "remove" and not patch for _, _, kind, patch in log):
            return
        replayed: Any = ABSENT
        for _, mutation, kind, patch in log:
            before = replayed
            replayed = mutated(replayed, kind, json.loads(patch) if patch else None)
            if mutation in self.updates:
                assert _count_up(before)["count"] == json.loads(patch)["count"], "computed from another version"
        assert replayed == value

    def _check_weight(self) -> None:
        books: Row | None = self.run(self.storage.business.fetch_one(LOG_BYTES, self.user))
        told, weight = books or (0, 0)
        assert told == (weight or 0) <= CONFIG.log_quota_bytes, f"{weight} bytes are said to be {told}"

    def _check_edits(self) -> None:
        """Each edit has had its effect once, or its user has been told that it had none."""
        rejected = {number for device in self.devices.values() for number in device.replica.rejected}
        for number, ids in self.ids_of.items():
            times = sum(mutation in ids for _, mutation in self.applied)
            assert times <= 1, f"edit {number} counts {times} times: {ids}"
            if not self.has_restored:
                assert times == 1 or number in rejected, f"edit {number} is lost: {ids}"

    def end(self) -> None:
        self.stop()


async def _dump(tx: Transaction) -> dict[str, list[Row]]:
    """All of it at one moment: a unit of work of a node that has just ended may still be under way."""
    await tx.execute(HOLD_STILL)
    return {name: await tx.fetch(query) for name, query in DUMP.items()}


def _count_up(value: Any) -> dict[str, int]:
    known = value.get("count", 0) if isinstance(value, dict) else 0
    return {"count": known + 1}
