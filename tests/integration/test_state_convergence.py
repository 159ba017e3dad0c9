"""Convergence: whatever is cut, repeated, overtaken, restarted or restored, all devices and the server end up alike."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from hub.relay import outbox
from storage.opening import open_storage
from tests.support.state_world import DEVICES, World

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from storage.config import StorageConfig
    from storage.database import Storage
    from tests.support.state_world import Device

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

EXAMPLES = {"sqlite": 3_000 if IS_THOROUGH else 120, "postgres": 500 if IS_THOROUGH else 30}

DEVICE = st.sampled_from(DEVICES)
POINTS = st.sampled_from(["state.committed", "state.committed", "outbox.published", "outbox.settled", "outbox.taken"])
FATES = st.sampled_from(["reload", "reload", "restart", "a day", "a day", "back up", "restore"])
FRESH = {"log": [], "count": 0, "fields": {}}
NUMBERS = st.integers(0, 99)
PLAIN = st.one_of(
    st.just(("replace", FRESH)),
    *[st.just(("remove", None))] * 2,
    NUMBERS.map(lambda number: ("merge", {"fields": {f"f{number % 3}": number}})),
    NUMBERS.map(lambda number: ("merge", {"fields": {f"f{number % 3}": None}})),
    NUMBERS.map(lambda number: ("patch", [{"op": "add", "path": "/log/-", "value": number}])),
    NUMBERS.map(lambda number: ("patch", [{"op": "add", "path": "/log/0", "value": number}])),
    st.just(("patch", [{"op": "remove", "path": "/log/0"}])),
    NUMBERS.map(
        lambda number: (
            "patch",
            [{"op": "test", "path": "/count", "value": number % 3}, {"op": "add", "path": "/log/-", "value": "tested"}],
        )
    ),
)


class ConvergenceMachine(RuleBasedStateMachine):
    """Rules act on one device or on the server; what it comes to is looked at in the end."""

    def __init__(self, storage: Storage, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        super().__init__()
        self.world = World(storage, run)

    @initialize(is_cluster=st.booleans())
    def begin(self, is_cluster: bool) -> None:
        self.world.is_cluster = is_cluster
        self.world.edit(self.device(DEVICES[0]), "replace", FRESH)
        for _ in range(3):
            self.world.exchange(*self.world.devices.values())

    def teardown(self) -> None:
        try:
            self.world.quiesce()
            self.world.check()
        finally:
            self.world.end()

    def device(self, did: str) -> Device:
        return self.world.devices[did]

    # --- the user ---------------------------------------------------------------------------------------------------

    @rule(did=DEVICE, edit=PLAIN)
    def edit(self, did: str, edit: tuple[str, Any]) -> None:
        self.world.edit(self.device(did), *edit)

    @rule(did=DEVICE)
    def update(self, did: str) -> None:
        self.world.update(self.device(did))

    # --- the wire ---------------------------------------------------------------------------------------------------

    @rule(did=DEVICE, rounds=st.integers(1, 3))
    def exchange(self, did: str, rounds: int) -> None:
        """Undisturbed: a round catches up, the next one sends, the last one hears what came of it."""
        for _ in range(rounds):
            self.world.exchange(self.device(did))

    @rule(rounds=st.integers(1, 3))
    def all_exchange(self, rounds: int) -> None:
        for _ in range(rounds):
            self.world.exchange(*self.world.devices.values())

    @rule(did=DEVICE)
    def ask(self, did: str) -> None:
        self.world.ask(self.device(did))

    @rule(did=DEVICE)
    def handle(self, did: str) -> None:
        device = self.device(did)
        if device.asked:
            self.world.handle([(device, device.asked.popleft())])

    @rule(did=DEVICE, place=st.integers(0, 3), is_repeated=st.booleans())
    def deliver(self, did: str, place: int, is_repeated: bool) -> None:
        self.world.deliver(self.device(did), place, is_repeated=is_repeated)

    @rule(did=DEVICE, edit=PLAIN | st.none())
    def the_answer_is_lost(self, did: str, edit: tuple[str, Any] | None) -> None:
        device = self.device(did)
        self.make_it_send(device, edit)
        self.world.handle([(device, device.asked.popleft()) for _ in list(device.asked)])
        self.world.cut(device)

    @rule(did=DEVICE, edit=PLAIN | st.none(), point=POINTS, is_quiet=st.booleans())
    def the_server_crashes(self, did: str, edit: tuple[str, Any] | None, point: str, is_quiet: bool) -> None:
        """In a quiet time nothing comes after that would make up for what is lost."""
        device = self.device(did)
        if is_quiet:
            self.rest()
        self.make_it_send(device, edit)
        self.world.crash_at(point)
        self.world.handle([(device, device.asked.popleft()) for _ in list(device.asked)])
        if is_quiet:
            self.rest()

    @rule(did=DEVICE, edit=PLAIN | st.none())
    def the_request_is_held_up(self, did: str, edit: tuple[str, Any] | None) -> None:
        """Its connection is cut meanwhile: it arrives later, or never, and nobody hears the answer."""
        self.make_it_send(self.device(did), edit)
        self.world.cut(self.device(did))

    def make_it_send(self, device: Device, edit: tuple[str, Any] | None) -> None:
        """Caught up, with an edit of this kind (None: a guarded one) behind what it has still to send."""
        self.world.exchange(device)
        if edit is None:
            self.world.update(device)
        else:
            self.world.edit(device, *edit)
        self.world.ask(device)

    @rule(place=st.integers(0, 3))
    def a_request_arrives_late(self, place: int) -> None:
        if self.world.strays:
            self.world.handle([self.world.strays.pop(place % len(self.world.strays))])

    @rule(did=DEVICE)
    def cut(self, did: str) -> None:
        self.world.cut(self.device(did))

    @rule()
    def rest(self) -> None:
        self.world.quiesce()
        self.world.check()

    # --- fate -------------------------------------------------------------------------------------------------------

    @rule(fate=FATES, did=DEVICE)
    def fate(self, fate: str, did: str) -> None:
        acts: dict[str, Callable[[], None]] = {
            "reload": lambda: self.world.reload(self.device(did)),
            "restart": self.restart,
            "a day": self.world.a_day_passes,
            "back up": self.world.back_up,
            "restore": self.world.restore,
        }
        acts[fate]()

    def restart(self) -> None:
        self.world.stop()
        self.world.start()


@pytest.fixture(autouse=True)
def _hasty_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """It deletes and sweeps at once: an example waits for it in the end."""
    monkeypatch.setattr(outbox, "SETTLE_INTERVAL_S", 0.002)
    monkeypatch.setattr(outbox, "SWEEP_INTERVAL_S", 0.005)


@contextmanager
def opened(config: StorageConfig) -> Iterator[tuple[Storage, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """The storage, on a loop that runs only inside the second value."""
    with asyncio.Runner() as runner:
        context = open_storage(config)
        storage = runner.run(context.__aenter__())
        try:
            yield storage, runner.run
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_devices_and_the_server_end_with_the_same_document(storage_config: StorageConfig) -> None:
    kind = "postgres" if storage_config.url else "sqlite"
    with opened(storage_config) as (storage, run):
        run_state_machine_as_test(
            lambda: ConvergenceMachine(storage, run),  # type: ignore[arg-type]  # any factory of machines will do
            settings=settings(
                max_examples=EXAMPLES[kind],
                stateful_step_count=60,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[phase for phase in Phase if phase is not Phase.explain],
            ),
        )
