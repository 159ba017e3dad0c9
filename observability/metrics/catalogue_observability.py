"""Traces, logs, error reports, metrics themselves: what those who watch count of themselves."""

from __future__ import annotations

from typing import Final

from observability.metrics.entry import Entry, counter, gauge

ENTRIES: Final[tuple[Entry, ...]] = (
    counter("spans_started", "spans_started", "Spans begun."),
    counter("spans_exported", "spans_exported", "Spans that a collector has taken."),
    counter("spans_dropped", "spans_dropped", "Spans lost: queue full, export failed, left at the end."),
    counter("span_exports_failed", "span_exports_failed", "Exports that failed, of many spans each."),
    gauge("spans_waiting", "spans_waiting", "Spans ended and not exported yet."),
    counter("trace_roots_refused", "traces_left_out", "Traces beyond what a second may hold.", begun="here"),
    counter("trace_parents_refused", "traces_left_out", begun="elsewhere"),
    gauge("traces_kept", "traces_kept", "Traces in memory."),
    gauge("traces_kept_bytes", "traces_kept_bytes", "What they weigh, as estimated."),
    counter(
        "acks_accepted", "acknowledgements", "Clients that told when a sampled publication came.", outcome="accepted"
    ),
    counter("acks_ignored", "acknowledgements", outcome="ignored"),
    gauge("acks_expected", "acknowledgements_expected", "Publications that clients were asked about lately."),
    counter("log_lines_lost", "log_lines_lost", "Lines that standard error did not take."),
    gauge("log_lines_kept", "log_lines_kept", "Lines in memory."),
    counter("connection_lines_left_out", "connection_lines_left_out", "Lines about connections that were summed up."),
    counter("error_reports_sent", "error_reports", "Errors for Sentry.", outcome="sent"),
    counter("error_reports_dropped", "error_reports", outcome="dropped"),
    counter("loop_blocked", "loop_blocked", "Times that the event loop stood still for more than a second."),
    gauge("ops_watchers", "ops_watchers", "Connections of the console that are told live."),
    counter("ops_watchers_untold", "ops_watchers_untold", "Times that other nodes were not told of them."),
    counter("ops_batches_published", "ops_batches", "What the console was told.", outcome="published"),
    counter("ops_batches_failed", "ops_batches", outcome="failed"),
    counter("ops_entries_left_out", "ops_entries_left_out", "Log lines and traces that were too many for a batch."),
    counter("metric_exports", "metric_exports", "Pushes of metrics to a collector.", outcome="sent"),
    counter("metric_exports_failed", "metric_exports", outcome="failed"),
)
