"""The core: who gets what, right now. It does no I/O of its own and knows nothing of aiohttp, Redis or SQL.

Nouns
    Hub            one node: owns the parts below and the order between them.
    Connection     one client on one transport: commands in, replies and pushes out, deadlines kept.
    LiveChannel    a channel somebody on this node is subscribed to; its Subscriptions, its position.
    Audience       the subscribers of a channel that receive identical bytes.
    FanOut         one publication to many Outboxes, one write per outbox and tick.
    Outbox         what waits for one socket, bounded.
    Gate, settle   history first, then live: no gap, no duplicate, never a partial recovery.
    Engine         the port to the channels' logs, presence and the other nodes (`hub.engines`).
    Control        what a backend does to a user's connections, on every node.
    TokenVerifier  who a client is (`hub.tokens`).
    Supervisor     owner of every background task.
"""
