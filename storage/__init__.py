"""The Database port with SQLite and PostgreSQL, and one migration tree for both.

The only place that imports a database driver. It enters with the sessions issue.
"""
