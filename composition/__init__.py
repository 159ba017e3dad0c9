"""Puts a node together: what `serve` runs, and the part of it that commands need.

Nouns
    NodeConfig      everything a node is told, as the parts take it.
    Platform        accounts, sessions, documents and the storage under them; absent where accounts are off.
    Node            engine, hub, platform and server, started in the order in which they depend on each other.

No logic lives here: it builds, starts, and takes down in reverse. A package of its own because commands (`keys`,
`accounts`) need the platform without a server, and nothing may import `main`.
"""
