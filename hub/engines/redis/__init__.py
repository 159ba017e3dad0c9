"""The Redis engine: streams, presence and the word between nodes in Redis, for any number of nodes.

Nothing here imports a driver: a node on another engine starts without the extra `redis`. What needs it is in
`hub.engines.redis.engine`, which whoever opens one imports then.

Why it is built this way: docs/adr/0035-redis-engine.md.

Nouns
    RedisEngine       the port itself.
    Topology          where the servers are: one, behind Sentinel, a cluster. ServerMap is its answer.
    Buses, Bus        a command link and a pub/sub link to each primary, kept open, replaced when in doubt.
    Link, Subscriber  one connection: answers in order, or messages as they come.
    Script            a Lua script; one call of it is one step of the server.
    Feed, Feeds       what this node has handed over of a channel it is subscribed to.
    CatchUp           reads what a feed has missed from its stream.
    ControlLine       control messages: a capped stream with a doorbell, as publications are.
    Pulse             notices that this node was not running for longer than its lease.
"""

from __future__ import annotations
