"""The edges: the only place that imports aiohttp. It turns requests into calls of the hub, and back.

Nouns
    WebSocketEdge   upgrade requests into connections.
    Admission       who may open a live connection: origin, limits, draining.
    ServerAPI       Centrifugo's HTTP API for backends: publish, broadcast, presence, history, ...
    HealthChecks    alive, ready, started.
    Server          the listeners, and the way a node leaves (drain).
    Demo            the page at /demo, in development only.
"""
