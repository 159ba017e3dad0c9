"""Traces: the port `hub.tracing.Tracer`, and the OpenTelemetry SDK's way to a collector, imported where there is one.

Nouns
    environment     what the standard OTEL_* variables say, as far as this package decides by them.
    sampling        which traces that begin here are followed, and how many of others at most.
    tracer          spans, until they end; attributes are masked then.
    attributes      how long a value may be, and what of it may be told.
    finished_span   what has ended; memory and export take it.
    memory          the last traces of this node, for the console; needs no collector.
    readable_spans  the same as the SDK's exporters read them.
    export          a bounded queue, the SDK's thread behind it, and a count of what was lost.
    collector       all of that put together for one node, after the fork.
    sdk_log         what the SDK has to say about itself, at most a line a minute.

Decisions: docs/adr/0040-tracing.md.
"""
