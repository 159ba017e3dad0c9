"""Operations: what administrators and operators see of a running installation, and do to it. The console's side.

Everything is asked of all nodes (hub.survey) and says who gave no answer; nobody reads another node's memory.

Nouns
    views       what is answered and what is pushed, as values: what REST, RPC and the console agree on.
    Operations  the door for REST: asks all nodes, acts on all of them, and writes the audit trail first (`service`).
    LocalNode   what this node knows of itself and answers the others; it reads what implements the `ports`.
    Watching    who is told live, over the hub itself: the channels `ops:overview`, `ops:logs` and `ops:traces`.
    LiveFeed    publishes what is new of this node there, as long as somebody watches anywhere.
"""
