"""What an idle connection holds in the server: with a user's token, presence and one channel where there are such."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage
from bench.subjects.centrifuge import PRESENCE_CHANNEL

NAME = "idle_memory"
PER_CONNECTION = Metric(NAME, "resident memory per connection", "KiB")


def measure(stage: Stage) -> Iterator[Value]:
    """The connections of the warm-up are closed again: what a server keeps for good is not a connection's cost."""
    with_tokens = stage.subject.speaks_centrifuge
    count = stage.plan.idle_connections
    warm_up = orders.Open(stage.target, PRESENCE_CHANNEL, stage.plan.warm_up_connects, with_tokens)
    stage.ask(warm_up, orders.Opened)
    stage.close_connections()
    before_bytes = stage.processes.rss_bytes()
    stage.ask(orders.Open(stage.target, PRESENCE_CHANNEL, count, with_tokens), orders.Opened)
    stage.settle()
    yield Value(PER_CONNECTION, (stage.processes.rss_bytes() - before_bytes) / count / 1024)
