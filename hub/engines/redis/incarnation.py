"""Which life of which server has the data: what one life has acknowledged, the next may have lost. Pure.

A server's `run_id` is another one after every restart, its `master_replid` after every promotion: also where it was
primary before, has lost what its successor did not get, and is primary again. A connection usually ends with a life.
Where it does not, the new life is noticed within a second (Bus), for scripts are told the incarnation by their callers.

A server that has been without replicas for `repl-backlog-ttl` takes a new `master_replid`, though nothing is lost: in
that second nodes may disagree, and channels in use may get several epochs. Their clients resynchronise, no more.
"""

from __future__ import annotations

from typing import Final

from hub.engines.redis.failures import ServerError

_ID_LENGTH: Final = 12
"""48 bits of each: it is stored with every channel."""


def incarnation_of(server: bytes, replication: bytes) -> str:
    """From the sections `server` and `replication` of INFO.

    Raises:
        ServerError: they do not say.
    """
    return _id_in(server, b"run_id") + _id_in(replication, b"master_replid")


def _id_in(info: bytes, name: bytes) -> str:
    for line in info.splitlines():
        found, _, value = line.partition(b":")
        if found == name:
            return value.decode("ascii", "replace")[:_ID_LENGTH]
    raise ServerError(f"ERR the server does not say its {name.decode()}")
