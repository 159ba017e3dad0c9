"""What is measured about a running subject: each module yields the values of one run on one server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.results import Value
from bench.scenarios import (
    commands,
    connects,
    cross_node,
    fan_out,
    http_publish,
    idle_memory,
    mutations,
    observability,
    outbox,
    redis_bus,
    relay_rabbitmq,
    revocation,
    slow_client,
    workers,
)
from bench.scenarios.stage import Stage

# Memory first: a server that is not started anew for each scenario has then held least before.
SCENARIOS: dict[str, Callable[[Stage], Iterator[Value]]] = {
    **{module.NAME: module.measure for module in (idle_memory, fan_out, connects, http_publish, commands, slow_client)},
    **mutations.MEASURES,
    **{
        module.NAME: module.measure
        for module in (revocation, redis_bus, cross_node, workers, relay_rabbitmq, observability)
    },
    **outbox.MEASURES,
}
