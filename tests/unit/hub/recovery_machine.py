"""Everything that can happen to a node and its clients, in any order.

Rules act in the middle of a tick, of a join, of a departure: while the engine is gated, each of its calls stops before
and after its effect; while it lags, announcements wait. What must hold is in `recovery_world` and `sdk_model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hub.control_operations import DisconnectUser, SubscribeUser, UnsubscribeUser
from hub.protocol.messages import StreamPosition
from tests.unit.hub.recovery_world import BY_BACKEND, FULL, META_TTL_S, USERS, World
from tests.unit.hub.sdk_model import Phase, Place, SDKSubscription, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENTS = st.sampled_from(sorted(USERS))
NEIGHBOURS = {"ann-1": "bob-1", "bob-1": "ann-2", "ann-2": "ann-1"}

# The more often named, the more happens to it.
CHANNELS = st.sampled_from([*["stream:1"] * 5, *["cache:1"] * 2, *["positioned:1"] * 2, "auto:1", "loose:1", "plain:1"])
LOGGED = st.sampled_from([*["stream:1"] * 3, "cache:1", "auto:1", "positioned:1", "stream:#ann"])
PUBLISHED = CHANNELS | st.sampled_from(["stream:1", "stream:#ann", "stream:#bob", BY_BACKEND])
RESUMES = st.sampled_from(["own"] * 4 + ["fresh", "stale", "future", "another epoch", "underscore", "any epoch"])

EVENTS = st.lists(
    st.sampled_from(
        [
            *["pass"] * 8,
            *["pass another"] * 3,
            *["publish", "publish", "lag", "announce", "another joins"] * 2,
            *["publish more", "live only", "remove history", "turn", "lose", "cut", "leave", "end", "another leaves"],
        ]
    ),
    max_size=16,
)
"""What may happen between the steps of a join."""


class RecoveryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.engine = self.world.engine
        self.clients = self.world.clients
        self.is_hasty = False

    def teardown(self) -> None:
        try:
            self.world.quiesce()
            self.world.everybody_leaves()
        finally:
            self.world.end()

    # --- clients ----------------------------------------------------------------------------------------------------

    @initialize(channels=st.lists(st.sets(CHANNELS, max_size=3), min_size=3, max_size=3))
    def begin(self, channels: list[set[str]]) -> None:
        for name, of_client in zip(USERS, channels, strict=True):
            self.reconnect(name, "fresh", {"stream:1", *of_client}, False)
        self.world.settle()

    @rule(name=CLIENTS, resume=RESUMES, more=st.sets(CHANNELS, max_size=3), rejects=st.booleans())
    def reconnect(self, name: str, resume: str, more: set[str], rejects: bool) -> None:
        """On a new link, with all that it was subscribed to before: one frame, as SDKs send it."""
        client = self.clients[name]
        was_subscribed = {channel for channel, sub in client.subs.items() if sub.phase is not Phase.UNSUBSCRIBED}
        client.cut()
        by_server = {channel: place_of(sub, resume) for channel, sub in client.server_subs.items()}
        subscribes = [
            (channel, Wanted(place_of(client.subs[channel], resume), rejects))
            for channel in sorted(was_subscribed | more)
        ]
        self.world.connect(client, by_server, subscribes)

    @rule(name=CLIENTS, channel=CHANNELS, resume=RESUMES, rejects=st.booleans())
    def subscribe(self, name: str, channel: str, resume: str, rejects: bool) -> None:
        client = self.clients[name]
        sub = client.subs[channel]
        if client.link is None:
            self.reconnect(name, resume, {channel}, rejects)
        elif sub.phase is Phase.UNSUBSCRIBED:
            client.subscribe(channel, Wanted(place_of(sub, resume), rejects))

    @rule(name=CLIENTS, channel=CHANNELS, resume=RESUMES, is_first=st.booleans(), events=EVENTS)
    def subscribe_step_by_step(self, name: str, channel: str, resume: str, is_first: bool, events: list[str]) -> None:
        """A join, as the first one of the node or as one of several, and what happens to its channel meanwhile."""
        for leaving in USERS if is_first else [name]:
            self.unsubscribe(leaving, channel)
        self.world.settle()
        self.gate(True)
        self.subscribe(name, channel, resume, False)
        self.happen(name, channel, events)
        self.gate(False)

    @rule(name=CLIENTS, resume=RESUMES, events=EVENTS)
    def connect_step_by_step(self, name: str, resume: str, events: list[str]) -> None:
        """A join from the server's side, on a new link."""
        self.cut(name)
        self.world.settle()
        self.gate(True)
        self.reconnect(name, resume, set(), False)
        self.happen(name, f"stream:#{USERS[name]}", events)
        self.gate(False)

    def happen(self, name: str, channel: str, events: list[str]) -> None:
        world, other = self.world, NEIGHBOURS[name]
        acts: dict[str, Callable[[], None]] = {
            "pass": lambda: world.pass_calls([0]),
            "pass another": lambda: world.pass_calls([1]),
            "publish": lambda: world.publish(channel, 1),
            "publish more": lambda: world.publish(channel, 3),
            "live only": lambda: world.publish(channel, 1, skip_history=True),
            "announce": lambda: world.announce(1),
            "lag": lambda: self.lag(not self.engine.is_lagging),
            "remove history": lambda: self.remove_history(channel),
            "turn": lambda: world.turn(1),
            "lose": world.lose_an_announcement,
            "cut": lambda: self.cut(name),
            "leave": lambda: self.unsubscribe(name, channel),
            "end": lambda: self.backend_unsubscribes(name, channel),
            "another joins": lambda: self.subscribe_if_known(other, channel),
            "another leaves": lambda: self.unsubscribe(other, channel),
        }
        world.run_idle_unless(self.is_hasty)
        for event in events:
            acts[event]()
            world.read_all()

    def subscribe_if_known(self, name: str, channel: str) -> None:
        if channel in self.clients[name].subs:
            self.subscribe(name, channel, "own", False)

    @rule()
    def return_as_told(self) -> None:
        """As SDKs do: connect anew, and subscribe again where the server ended it with a code that asks for that."""
        for name, client in self.clients.items():
            if client.link is None:
                self.reconnect(name, "own", {"stream:1"}, False)
            for channel, sub in client.subs.items():
                if sub.is_told_to_return and sub.phase is Phase.UNSUBSCRIBED:
                    client.subscribe(channel, Wanted(place_of(sub, "own"), False))

    @rule(name=CLIENTS, channel=CHANNELS)
    def unsubscribe(self, name: str, channel: str) -> None:
        client = self.clients[name]
        sub = client.subs.get(channel)
        if client.link is not None and sub is not None and sub.phase is not Phase.UNSUBSCRIBED:
            client.unsubscribe(channel)

    @rule(name=CLIENTS, channel=CHANNELS)
    def client_publishes(self, name: str, channel: str) -> None:
        client = self.clients[name]
        if client.link is not None:
            client.publish(channel, self.world.next_number())

    @rule(name=CLIENTS)
    def cut(self, name: str) -> None:
        self.clients[name].cut()

    @rule(name=CLIENTS, is_deaf=st.booleans())
    def stop_or_go_on_reading(self, name: str, is_deaf: bool) -> None:
        self.clients[name].is_deaf = is_deaf

    @rule(name=CLIENTS, is_full=st.booleans())
    def fill_or_drain_a_socket(self, name: str, is_full: bool) -> None:
        self.clients[name].fill_socket(FULL if is_full else 0)

    # --- the backend ------------------------------------------------------------------------------------------------

    @rule(channel=PUBLISHED, count=st.sampled_from([1, 1, 2, 5]), skip_history=st.sampled_from([False, False, True]))
    def publish(self, channel: str, count: int, skip_history: bool) -> None:
        self.world.publish(channel, count, skip_history=skip_history)

    @rule(name=CLIENTS, recovers=st.booleans())
    def backend_subscribes(self, name: str, recovers: bool) -> None:
        place = self.clients[name].server_subs[BY_BACKEND].place
        operation = SubscribeUser(user=USERS[name], channel=BY_BACKEND)
        if recovers and place is not None:
            operation.recover_since = StreamPosition(place.offset, place.epoch)
        self.world.perform(operation)

    @rule(name=CLIENTS, channel=st.sampled_from(["", BY_BACKEND, "stream:1", "cache:1", "plain:1"]))
    def backend_unsubscribes(self, name: str, channel: str) -> None:
        self.world.perform(UnsubscribeUser(user=USERS[name], channel=channel))

    @rule(name=CLIENTS)
    def backend_disconnects(self, name: str) -> None:
        self.world.perform(DisconnectUser(user=USERS[name]))

    @rule(channel=LOGGED)
    def remove_history(self, channel: str) -> None:
        self.world.run(self.engine.remove_history(channel))

    # --- time and the engine ----------------------------------------------------------------------------------------

    @rule(turns=st.integers(1, 6))
    def turn(self, turns: int) -> None:
        self.world.turn(turns)

    @rule(is_hasty=st.booleans())
    def hurry(self, is_hasty: bool) -> None:
        """Whether the next rule may come before the loop has run what this one has begun."""
        self.is_hasty = is_hasty

    @rule(seconds=st.sampled_from([0.1, 1, 4, 7, 22, META_TTL_S + 5]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(is_gated=st.booleans())
    def gate(self, is_gated: bool) -> None:
        self.engine.is_gated = is_gated

    @rule(numbers=st.lists(st.integers(0, 5), min_size=1, max_size=8))
    def pass_calls(self, numbers: list[int]) -> None:
        self.world.pass_calls(numbers)

    @rule(is_lagging=st.booleans())
    def lag(self, is_lagging: bool) -> None:
        self.engine.is_lagging = is_lagging

    @rule(count=st.integers(1, 5))
    def announce(self, count: int) -> None:
        self.world.announce(count)

    @rule()
    def lose_an_announcement(self) -> None:
        self.world.lose_an_announcement()

    @rule(chance=st.integers(0, 3))
    def lose_the_store(self, chance: int) -> None:
        if not chance:
            self.world.lose_the_store()

    @rule()
    def quiesce(self) -> None:
        self.world.quiesce()

    # --- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def clients_are_told_the_truth(self) -> None:
        self.world.run_idle_unless(self.is_hasty)
        self.world.read_all()

    @invariant()
    def nothing_fails_by_its_own_fault(self) -> None:
        self.world.require_health()


def place_of(sub: SDKSubscription, resume: str) -> Place | None:
    """Where a client says it stands: where it does, or anything else."""
    if resume == "underscore":
        return Place(0, "_")
    if sub.place is None or resume == "fresh" or not sub.kind.is_recoverable:
        return None
    offset, epoch = sub.place
    return {
        "own": sub.place,
        "stale": Place(max(0, offset - 2), epoch),
        "future": Place(offset + 2, epoch),
        "another epoch": Place(offset, "elsewhere"),
        "any epoch": Place(offset, ""),
    }[resume]
