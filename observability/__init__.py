"""What operators see: logs, and whether the node is well. The core never calls it by name.

Nouns
    configure_logging   one JSON line (or one readable line) per event, secrets masked.
    mask_text           what nobody may read in any of this, found by form and by name.
    LogMemory           the last lines, for the console.
    ConnectionLog       connections that open and close, as lines.
    ErrorReports        what is logged as an error, told to Sentry.
    Watchdog            says what blocks the event loop, while it does.
    LoopLag             how late the event loop is: the node's own pulse.
"""
