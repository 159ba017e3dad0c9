"""REC-1 and POS-1 for three clients of one channel whose joins, departures and publications run into each other.

`test_recovery_machine` goes far; this goes deep: every call of the engine stops before and after its effect, and every
event concerns the same channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.hub.examples import examples
from tests.unit.hub.recovery_machine import place_of
from tests.unit.hub.recovery_world import World
from tests.unit.hub.sdk_model import Phase, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENTS = {"one": "", "two": "", "three": ""}

NUM_EVENTS = 50
RARE = ["live only", "publish more", "remove history", "lose", "turn", "time", "store"]
OF_CLIENT = ["joins", "joins", "leaves", "recovers", "returns"]
EVENTS = st.sampled_from(
    [
        *["pass 0"] * 8,
        *["pass 1", "pass 2"] * 3,
        *["publish"] * 6,
        *["announce"] * 4,
        *["lag"] * 2,
        *RARE,
        *[f"{name} {act}" for name in CLIENTS for act in OF_CLIENT],
    ]
)


class Scene:
    """One channel, and its clients by name."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.world = World(CLIENTS)
        self.acts = self._acts_of_all() | {
            f"{name} {act}": work for name in CLIENTS for act, work in self._acts_of(name).items()
        }
        for name in CLIENTS:
            self.world.connect(self.world.clients[name], {}, [])
        self.world.settle()
        self.world.engine.is_gated = True

    def _acts_of_all(self) -> dict[str, Callable[[], object]]:
        world, channel = self.world, self.channel
        return {
            "pass 0": lambda: world.pass_calls([0]),
            "pass 1": lambda: world.pass_calls([1]),
            "pass 2": lambda: world.pass_calls([2]),
            "publish": lambda: world.publish(channel, 1),
            "publish more": lambda: world.publish(channel, 3),
            "live only": lambda: world.publish(channel, 1, skip_history=True),
            "announce": lambda: world.announce(1),
            "lag": self._lag,
            "lose": world.lose_an_announcement,
            "remove history": lambda: world.run(world.engine.remove_history(channel)),
            "store": world.lose_the_store,
            "turn": lambda: world.turn(1),
            "time": lambda: world.pass_time(1),
        }

    def _acts_of(self, name: str) -> dict[str, Callable[[], object]]:
        return {
            "joins": lambda: self._join(name, "fresh"),
            "recovers": lambda: self._join(name, "own"),
            "leaves": lambda: self._leave(name),
            "returns": lambda: self._return(name),
        }

    def _lag(self) -> None:
        self.world.engine.is_lagging = not self.world.engine.is_lagging

    def _join(self, name: str, resume: str) -> None:
        client = self.world.clients[name]
        sub = client.subs[self.channel]
        if client.link is None:
            self._return(name)
        elif sub.phase is Phase.UNSUBSCRIBED:
            client.subscribe(self.channel, Wanted(place_of(sub, resume)))

    def _leave(self, name: str) -> None:
        client = self.world.clients[name]
        if client.link is not None and client.subs[self.channel].phase is not Phase.UNSUBSCRIBED:
            client.unsubscribe(self.channel)

    def _return(self, name: str) -> None:
        """Its link breaks, and it comes back from where it was."""
        client = self.world.clients[name]
        client.cut()
        self.world.connect(client, {}, [(self.channel, Wanted(place_of(client.subs[self.channel], "own")))])

    def play(self, events: list[str]) -> None:
        for event in events:
            self.acts[event]()
            self.world.settle()
            self.world.require_health()
        self.world.quiesce()
        self.world.everybody_leaves()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("channel", ["stream:1", "cache:1", "positioned:1", "plain:1"])
@settings(max_examples=examples(800))
@given(events=st.lists(EVENTS, min_size=NUM_EVENTS // 2, max_size=NUM_EVENTS))
def test_clients_of_one_channel_are_told_the_truth(channel: str, events: list[str]) -> None:
    scene = Scene(channel)
    try:
        scene.play(events)
    finally:
        scene.world.end()
