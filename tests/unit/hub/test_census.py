"""Channels are counted over all nodes or not at all; nodes are listed whether they answer or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub import census
from hub.census import NodeReport, count_clients, node_reports
from hub.engine import NodeInfo
from hub.errors import EngineUnavailable
from tests.unit.hub.cluster import Cluster

if TYPE_CHECKING:
    from tests.unit.hub.node import Node


async def test_channels_are_summed_over_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "CHANNELS_PER_CHUNK", 2)
    async with Cluster(3) as cluster:
        for number, node in enumerate(cluster.nodes, 1):
            await node.subscribed("all", *(f"upto-{n}" for n in range(number)))
            await node.subscribed("all")
        expected = {"all": 6, "upto-0": 3, "upto-1": 2, "upto-2": 1}
        for node in cluster.nodes:
            assert await count_clients(node.hub, "") == expected
        assert await count_clients(cluster.nodes[0].hub, "upto-?") == {"upto-0": 3, "upto-1": 2, "upto-2": 1}
        assert await count_clients(cluster.nodes[0].hub, "none") == {}


async def test_a_sum_without_a_node_that_lives_is_no_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Cluster(2) as cluster:
        await cluster.nodes[0].subscribed("news")
        cluster.lose_control(cluster.nodes[1], monkeypatch)
        with pytest.raises(EngineUnavailable):
            await count_clients(cluster.nodes[0].hub, "")


async def test_nodes_tell_more_when_they_are_asked_than_they_announce() -> None:
    async with Cluster(2) as cluster:
        await cluster.nodes[1].subscribed("news", user="42")
        reports = await node_reports(cluster.nodes[0].hub)
        assert all(isinstance(report, NodeReport) for report in reports)
        other = report_of(cluster.nodes[1], reports)
        assert isinstance(other, NodeReport)
        assert (other.node.num_clients, other.node.num_channels) == (1, 1)
        assert other.metrics["commands"] == 2
        assert other.process["rss"] > 0


async def test_a_node_that_does_not_answer_is_listed_as_it_announced_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Cluster(2) as cluster:
        silent = cluster.nodes[1]
        announced = silent.hub.node_info()
        cluster.lose_control(silent, monkeypatch)
        reports = await node_reports(cluster.nodes[0].hub)
        assert len(reports) == 2
        assert report_of(silent, reports) == announced


def report_of(node: Node, reports: list[NodeReport | NodeInfo]) -> NodeReport | NodeInfo:
    (found,) = (
        report for report in reports if (report if isinstance(report, NodeInfo) else report.node).uid == node.hub.uid
    )
    return found
