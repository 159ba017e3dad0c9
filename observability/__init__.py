"""What operators see: logs, and whether the node is well. The core never calls it by name.

Nouns
    configure_logging   one JSON line (or one readable line) per event, secrets masked.
    LoopLag             how late the event loop is: the node's own pulse.
"""
