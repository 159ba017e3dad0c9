"""What outlives the process. The only place that imports a database driver.

Nouns
    Database, Transaction   the port: named queries, units of work, how a database fails (`storage.database`).
    Storage                 one database in three parts that cannot starve each other: auth, business, relay.
    StorageConfig           where it is and how long it may take; `storage.opening` opens it.
    Migration               one file of the tree of schema changes; `storage.migration` applies what is pending.
    Backup                  the whole database in one file; `storage.backup` makes it and puts it back.
    DataDirectory           this node's own files: a lock, and the state that an orderly stop hands to the next start.

SQLite is the embedded default, PostgreSQL for several nodes. Nothing here knows what is stored, or for whom.
"""
