"""Writes docs/metrics.md: `python -m observability.metrics.reference > docs/metrics.md`."""

from __future__ import annotations

import sys
from typing import Final

from observability.metrics.catalogue import ENTRIES, HELP
from observability.metrics.catalogue_hub import COMMANDS, CONNECTIONS, HTTP, NODES, PUBLICATIONS, SUBSCRIPTIONS
from observability.metrics.catalogue_observability import ENTRIES as OBSERVABILITY
from observability.metrics.catalogue_platform import ACCOUNTS, ENGINE, PROCESS, SESSIONS, STORAGE
from observability.metrics.catalogue_relay import BROKER, CONSUMERS, INTAKE, OUTBOX
from observability.metrics.entry import Entry

_HEAD: Final = """# Metrics

What a node counts, as `/metrics` shows it (`prometheus.enabled`; on the internal port where there is one) and as it is
pushed by OTLP (`opentelemetry.enabled` and `OTEL_EXPORTER_OTLP_ENDPOINT`, or `OTEL_METRICS_EXPORTER=otlp`; `none` keeps
it from being pushed). Generated from `observability/metrics/catalogue.py`. [adr/0041-metrics.md](adr/0041-metrics.md)
says how it works, [operations/observability.md](operations/observability.md) how to watch a node.

- Labels come from closed sets: codes, methods, configured names, templates. Nothing that a client sends makes a series.
- Counters begin at 0 when the node starts. Durations are seconds.
- A namespace of `-` is none, a route of `-` none of ours.
- With `--workers` every series has the label `worker`, and the answer of any worker holds those of all.
- By OTLP the names are the same without `_total`. A histogram goes as three counters, `_bucket` with `le`, `_count` and
  `_sum`: the SDK has no observable histogram. Each worker pushes for itself.
- `info` of the server API and the console show the same figures by the names in the last column.
"""

_CHAPTERS: Final = (
    ("Connections", CONNECTIONS),
    ("Commands", COMMANDS),
    ("Subscriptions", SUBSCRIPTIONS),
    ("Publications", PUBLICATIONS),
    ("Between nodes", NODES),
    ("HTTP", HTTP),
    ("Relay", INTAKE),
    ("Consumers", CONSUMERS),
    ("Publishing to RabbitMQ", BROKER),
    ("Outbox and sinks", OUTBOX),
    ("Engine", ENGINE),
    ("Storage", STORAGE),
    ("Sessions and shared state", SESSIONS),
    ("Accounts", ACCOUNTS),
    ("Process", PROCESS),
    ("Observability", OBSERVABILITY),
)


def reference() -> str:
    assert sum(len(entries) for _, entries in _CHAPTERS) == len(ENTRIES), "a part of the catalogue has no chapter"
    return "\n".join([_HEAD, *(_chapter(title, entries) for title, entries in _CHAPTERS)])


def _chapter(title: str, entries: tuple[Entry, ...]) -> str:
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.family:
            by_name.setdefault(entry.name, []).append(entry)
    rows = [_row(name, of_name) for name, of_name in by_name.items()]
    return "\n".join(
        [f"## {title}", "", "| metric | type | labels | meaning | in `info` |", "|---|---|---|---|---|", *rows, ""]
    )


def _row(name: str, entries: list[Entry]) -> str:
    first = entries[0]
    suffix = "_total" if first.kind == "counter" else ""
    labels = [*first.labels, *dict.fromkeys(label for entry in entries for label, _ in entry.fixed)]
    in_info = "" if first.kind == "histogram" else ", ".join(f"`{_shown(entry)}`" for entry in entries)
    shown_labels = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}{suffix}` | {first.kind} | {shown_labels} | {HELP[name]} | {in_info} |"


def _shown(entry: Entry) -> str:
    return entry.measure.replace(".*", "." + "\\|".join(f"<{label}>" for label in entry.labels))


if __name__ == "__main__":
    sys.stdout.write(reference())
