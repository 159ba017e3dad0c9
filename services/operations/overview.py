"""This node in figures, once a second: what the console's first page draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from hub.process_usage import resident_bytes
from services.operations.channels import OPS
from services.operations.latency import RecentQuantiles
from services.operations.views import Overview

if TYPE_CHECKING:
    from hub.hub import Hub
    from services.operations.process_meter import ProcessMeter

RATES: Final[Mapping[str, str]] = {
    "publications_per_s": "publications",
    "deliveries_per_s": "deliveries",
    "commands_per_s": "commands",
    "errors_per_s": "reply_errors",
    "connects_per_s": "connections_opened",
    "disconnects_per_s": "disconnects",
    "relay_accepted_per_s": "relay_accepted",
    "relay_rejected_per_s": "relay_rejected",
}
"""What each rate counts: a measure, or the sum of all `measure.label`."""

OUR_OWN: Final[Mapping[str, str]] = {
    "publications_per_s": f"namespace_publications.{OPS}",
    "deliveries_per_s": f"namespace_deliveries.{OPS}",
}
"""What is left out of a rate: looking at an idle hub would show that somebody looks."""

PUBLISH_TO_CLIENT: Final = "publish_to_client_s"

MAX_PASSED_S: Final = 5.0
"""Figures of longer ago are no rate of the present: after a pause in watching the first one says 0."""


class OverviewMeter:
    """Takes the figures. Its rates are those since it was read before."""

    def __init__(self, hub: Hub, meter: ProcessMeter, loop_lag_s: Callable[[], float]) -> None:
        self._hub = hub
        self._meter = meter
        self._loop_lag_s = loop_lag_s
        histogram = hub.histograms.get(PUBLISH_TO_CLIENT)
        self._latency = None if histogram is None else RecentQuantiles(histogram)
        self._at_s = float("-inf")
        self._before: dict[str, float] = {}

    def read(self) -> Overview:
        hub = self._hub
        now_s, measures = hub.clock.monotonic_s(), hub.measures()
        totals = {
            name: _total(measures, counted) - measures.get(OUR_OWN.get(name, ""), 0.0)
            for name, counted in RATES.items()
        }
        node = hub.node_info()
        latency = self._latency
        if latency is not None:
            latency.look(now_s)
        overview = Overview(
            node=hub.uid,
            node_name=node.name,
            at_ms=int(hub.clock.now_s() * 1000),
            num_clients=node.num_clients,
            num_users=node.num_users,
            num_subs=node.num_subs,
            num_channels=node.num_channels,
            outbox_waiting=measures.get("outbox_waiting", 0.0),
            loop_lag_ms=self._loop_lag_s() * 1000,
            cpu_percent=self._meter.cpu_percent(),
            rss_bytes=resident_bytes(),
            latency_p50_ms=_ms(latency, 0.5),
            latency_p99_ms=_ms(latency, 0.99),
            **self._rates(totals, now_s - self._at_s),
        )
        self._at_s, self._before = now_s, totals
        return overview

    def _rates(self, totals: dict[str, float], passed_s: float) -> dict[str, float]:
        if not 0 < passed_s <= MAX_PASSED_S:
            return dict.fromkeys(totals, 0.0)
        return {name: max(0.0, total - self._before.get(name, total)) / passed_s for name, total in totals.items()}


def _total(measures: Mapping[str, float], name: str) -> float:
    """Counters by code appear with their first occurrence, so they are summed up whatever they are."""
    start = f"{name}."
    return sum(value for each, value in measures.items() if each == name or each.startswith(start))


def _ms(latency: RecentQuantiles | None, share: float) -> float | None:
    value = None if latency is None else latency.quantile(share)
    return None if value is None else value * 1000
