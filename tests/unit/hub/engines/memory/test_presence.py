from __future__ import annotations

from hub.engine import PresenceStats
from hub.engines.memory.presence import Lease, Presence
from hub.protocol.messages import ClientInfo

ANN = ClientInfo("ann", "client-1")


def presence_of(*client_ids: str, expires_at_s: float = 60) -> Presence:
    presence = Presence()
    for client_id in client_ids:
        presence.renew("news", client_id, Lease(ANN, expires_at_s))
    return presence


def test_a_lease_expires_on_the_dot() -> None:
    presence = presence_of("client-1")
    assert presence.clients("news", 59.999) == {"client-1": ANN}
    assert presence.clients("news", 60) == {}
    assert presence.stats("news", 59.999) == PresenceStats(1, 1)
    assert presence.stats("news", 60) == PresenceStats(0, 0)


def test_sweeping_frees_leases_and_channels_without_any() -> None:
    presence = presence_of("client-1", "client-2")
    assert presence.sweep(59, budget=10) == 0
    assert presence.sweep(60, budget=10) == 2
    assert (presence.num_channels, presence.num_deadlines) == (0, 0)


def test_sweeping_leaves_renewed_leases_until_their_new_end() -> None:
    presence = presence_of("client-1")
    presence.renew("news", "client-1", Lease(ANN, 90))
    assert presence.sweep(60, budget=10) == 1
    assert presence.clients("news", 60) == {"client-1": ANN}
    assert presence.sweep(90, budget=10) == 1
    assert (presence.num_channels, presence.num_deadlines) == (0, 0)


def test_sweeping_stops_when_the_budget_is_used_up() -> None:
    presence = presence_of(*(f"client-{number}" for number in range(5)))
    assert [presence.sweep(60, budget=2) for _ in range(4)] == [2, 2, 1, 0]


def test_removing_the_last_client_frees_the_channel() -> None:
    presence = presence_of("client-1", "client-2")
    presence.remove("news", "client-1")
    assert presence.num_channels == 1
    presence.remove("news", "client-2")
    assert presence.num_channels == 0


def test_a_client_that_comes_and_goes_is_queued_once() -> None:
    presence = Presence()
    for number in range(1000):
        presence.renew("news", "client-1", Lease(ANN, 60 + number))
        presence.remove("news", "client-1")
    assert presence.num_deadlines == 1
    presence.sweep(60, budget=10)
    assert presence.num_deadlines == 0


def test_the_answer_is_not_the_record() -> None:
    presence = presence_of("client-1")
    presence.clients("news", 0).clear()
    assert presence.clients("news", 0) == {"client-1": ANN}
