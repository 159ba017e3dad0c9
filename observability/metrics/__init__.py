"""Metrics: what the parts of a node count, under the names and with the units that Prometheus asks for.

Nouns
    Entry       what one measure of the hub is called outside; `catalogue` has them all.
    Snapshot    everything that is counted and measured at one moment, as plain values that can go to another process.
    Family      one metric with all its series, made of snapshots by the catalogue.
    render      families as text for Prometheus.
    OtlpPush    the same, pushed to a collector.
"""
