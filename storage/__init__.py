"""What outlives the process. The only place that will import a database driver.

Nouns
    DataDirectory   this node's own files: a lock, and the state that an orderly stop hands to the next start.

The Database port with SQLite and PostgreSQL, and one migration tree for both, enter with the sessions issue.
"""
