from __future__ import annotations

import math

import pytest

from bench.gates import GATES, Gate, Verdict, verdicts
from bench.results import Metric, Results, Summary, Value
from bench.scenarios import fan_out, mutations, observability, redis_bus, relay_rabbitmq, slow_client
from bench.subjects import commits, floors, observed, peers, relay
from bench.subjects.centrifuge import SYNCLINE

METRIC = Metric("any", "cost", "us")


def word(gate: Gate, measured: float) -> str:
    return Verdict(gate, Summary(measured, measured, measured, 1)).word


def word_of(title: str, results: Results) -> str:
    [verdict] = [verdict for verdict in verdicts(results) if verdict.gate.title == title]
    return verdict.word


def test_a_bound_may_be_reached_but_a_peer_must_be_beaten() -> None:
    at_most, below = Gate("", 1.0, (METRIC, "a")), Gate("", 1.0, (METRIC, "a"), is_strict=True)
    assert (word(at_most, 1.0), word(below, 1.0)) == ("PASS", "FAIL")
    assert (word(at_most, 1.01), word(below, 0.99)) == ("FAIL", "PASS")


def test_a_minimum_is_what_must_be_reached() -> None:
    gate = Gate("", 3.0, (METRIC, "a"), is_minimum=True)
    assert (word(gate, 3.0), word(gate, 2.99), gate.sign) == ("PASS", "FAIL", ">=")


def test_group_commit_is_held_against_a_commit_each_on_a_disk_that_takes_its_time() -> None:
    results = Results()
    for metric, own in ((mutations.SQLITE.per_second, 1_000.0), (mutations.SQLITE.per_second_slow, 3_000.0)):
        results.add(0, SYNCLINE, Value(metric, own))
        results.add(0, commits.COMMIT_EACH, Value(metric, 1_000.0))
    assert word_of("mutations, SQLite, flush 1 ms / commit each", results) == "PASS"


def test_every_gate_is_unmeasured_without_results() -> None:
    assert {verdict.word for verdict in verdicts(Results())} == {"NOT MEASURED"}


def test_a_client_that_never_goes_fails_its_gate() -> None:
    results = Results()
    results.add(0, SYNCLINE, Value(slow_client.GONE_AFTER_FULL, math.inf))
    assert word_of("and is gone within", results) == "FAIL"


@pytest.mark.parametrize(("cost", "expected"), [(0.64, "PASS"), (0.65, "FAIL")])
def test_bursts_are_held_against_the_floor_of_single_messages(cost: float, expected: str) -> None:
    results = Results()
    results.add(0, floors.SEND_LOOP, Value(fan_out.CPU_ONE_AT_A_TIME, 4.0))
    results.add(0, floors.SEND_LOOP, Value(fan_out.CPU_IN_BURSTS, 0.1))
    results.add(0, SYNCLINE, Value(fan_out.CPU_IN_BURSTS, cost))
    assert word_of("delivery, bursts of 16 / send loop", results) == expected


@pytest.mark.parametrize(("per_second", "expected"), [(800, "PASS"), (799, "FAIL")])
def test_the_relay_is_held_against_the_bare_consumer_and_not_against_its_driver(per_second: int, expected: str) -> None:
    results = Results()
    results.add(0, relay.BARE_CONSUMER, Value(relay_rabbitmq.PER_SECOND, 1_000))
    results.add(0, relay.BARE_DRIVER, Value(relay_rabbitmq.PER_SECOND, 2_000))
    results.add(0, SYNCLINE, Value(relay_rabbitmq.PER_SECOND, per_second))
    assert word_of("RabbitMQ to one subscriber / bare consumer", results) == expected


def test_the_bus_has_its_own_bounds_whatever_redis_py_takes() -> None:
    results = Results()
    for metric, own in ((redis_bus.CPU_RECEIVE, 4.1), (redis_bus.CPU_PUBLISH, 6.0)):
        results.add(0, SYNCLINE, Value(metric, own))
        results.add(0, "redis-py", Value(metric, 100.0))
    assert word_of("Redis bus, CPU of a message received", results) == "FAIL"
    assert word_of("Redis bus, CPU of a message published", results) == "PASS"


def test_every_peer_has_its_gate() -> None:
    compared = {gate.per[1] for gate in GATES if gate.per and gate.is_strict}
    assert compared == {peers.NCHAN, peers.WEBSOCKETS, peers.NODE_SOCKETIO, peers.PYTHON_SOCKETIO}


@pytest.mark.parametrize(
    ("cpu_us", "per_second", "words"), [(1.05, 100.0, ("PASS", "PASS")), (1.06, 95.0, ("FAIL", "FAIL"))]
)
def test_observing_may_cost_a_twentieth_also_when_nobody_takes_what_is_exported(
    cpu_us: float, per_second: float, words: tuple[str, str]
) -> None:
    results = Results()
    for phase in observability.PHASES:
        for metric, value in ((phase.cpu, 1.0), (phase.per_second, 100.0)):
            results.add(0, observed.UNOBSERVED, Value(metric, value))
        for subject in (SYNCLINE, observed.REFUSED, observed.UNANSWERED):
            results.add(0, subject, Value(phase.cpu, cpu_us))
            results.add(0, subject, Value(phase.per_second, per_second))
    for phase in observability.PHASES:
        for how in ("observed", observed.REFUSED, observed.UNANSWERED):
            found = (
                word_of(f"{phase.title}, CPU: {how} / not", results),
                word_of(f"{phase.title}, rate: not / {how}", results),
            )
            assert found == words, (phase.title, how)
