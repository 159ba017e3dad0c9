"""Shared state: named JSON documents that a user's devices keep in step.

Nouns
    Document        a value with its version, which rises by one per accepted mutation.
    Mutation        replace, merge (RFC 7396), patch (RFC 6902) or remove, under an id that counts once.
    Change          an accepted mutation in the document's log, and what its publication tells.
    Ledger          what one group of mutations reads and writes: the rules, without I/O.
    Writer          applies waiting mutations in groups, one unit of work each.
    change_log      what the log weighs, and how it is kept from weighing more.
    WriteRate       how fast one user may write.
    Retention       forgets what is old enough.
    StateDocuments  all of it, as REST and RPC use it.
"""
