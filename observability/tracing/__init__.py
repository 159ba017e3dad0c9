"""Traces: the port `hub.tracing.Tracer` on the OpenTelemetry SDK, which is imported only where tracing is on.

Nouns
    environment   what the standard OTEL_* variables say, as far as this package decides by them.
    sampling      which traces that begin here are followed, and how many of others at most.
    tracer        spans: the SDK's, with attributes masked at their end.
    attributes    how long a value may be, and what of it may be told.
    export        the way to a collector: a bounded queue, the SDK's thread, and a count of what was lost.
    provider      the SDK put together for one node, after the fork.
    sdk_log       what the SDK has to say about itself, at most a line a minute.
    memory        the last traces of this node, for the console; needs no collector.

Decisions: docs/adr/0040-tracing.md.
"""
