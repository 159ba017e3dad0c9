"""A node that is observed, a node that is not, and nodes whose collector has failed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.generator import ROOT
from bench.parts.observer import ANSWERS, IS_SILENT
from bench.pinned import GENERATOR_CORE, free_port, pinned_server
from bench.process_tree import ProcessTree
from bench.subjects.centrifuge import SYNCLINE
from bench.subjects.node import running_node
from bench.subjects.subject import Server, Subject

SCENARIOS = frozenset({"observability"})

UNOBSERVED = "nothing observed"
REFUSED = "collector down"
UNANSWERED = "collector silent"

_OBSERVED: Mapping[str, object] = {
    "opentelemetry": {"enabled": True, "sample_ratio": 0.01},
    "prometheus": {"enabled": True},
}


@contextlib.contextmanager
def _unobserved(folder: Path) -> Iterator[Server]:
    with running_node(folder, {}) as (pid, target):
        yield Server(ProcessTree(pid), target)


@contextlib.contextmanager
def _observed(manner: str | None, folder: Path) -> Iterator[Server]:
    """Spans and metrics go to a collector of that manner, or with None to a port that nobody listens on."""
    port = free_port()
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port if manner else free_port()}",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",  # as often as they are scraped
    }
    with running_node(folder, _OBSERVED, environment=environment) as (pid, target):
        argv = [sys.executable, "-m", "bench.parts.observer", str(port), manner or ANSWERS]
        url = f"http://127.0.0.1:{target.port}/metrics"
        log = folder / "observer.log"
        with pinned_server([*argv, url], port, folder=ROOT, log=log, cores=(GENERATOR_CORE,)) as observer:
            yield Server(ProcessTree(pid), target, beside=ProcessTree(observer))


OBSERVED = [
    Subject(UNOBSERVED, SCENARIOS, _unobserved),
    Subject(SYNCLINE, SCENARIOS, partial(_observed, ANSWERS)),
    Subject(REFUSED, SCENARIOS, partial(_observed, None)),
    Subject(UNANSWERED, SCENARIOS, partial(_observed, IS_SILENT)),
]
