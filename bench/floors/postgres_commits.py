"""PostgreSQL's floor: the rows of a mutation and a commit, again and again, by `asyncpg` alone.

On one connection, one commit after the other. With more, commits that come together share a flush: PostgreSQL does it.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Sequence

import asyncpg

from bench.floors import mutation_rows, on_request
from bench.floors.runtime import new_event_loop


async def create_tables(url: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in mutation_rows.create_tables("postgres"):
        await connection.execute(statement)
    async with connection.transaction():
        for sql, values in mutation_rows.first_rows():
            await connection.execute(sql, *values)
    await connection.close()


async def _connections(url: str, count: int) -> list[asyncpg.Connection]:
    return [await asyncpg.connect(url) for _ in range(count)]


class Committers:
    """Each connection commits for users of its own, so that none waits for another's rows."""

    def __init__(self, connections: Sequence[asyncpg.Connection]) -> None:
        self._connections = connections
        self._numbers = [itertools.count(first, len(connections)) for first in range(len(connections))]

    async def work(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        return sum(await asyncio.gather(*(self._commit(index, deadline) for index in range(len(self._connections)))))

    async def _commit(self, index: int, deadline: float) -> int:
        connection, numbers, done = self._connections[index], self._numbers[index], 0
        while time.monotonic() < deadline:
            async with connection.transaction():
                for sql, values in mutation_rows.mutation(next(numbers)):
                    await connection.execute(sql, *values)
            done += 1
        return done


def main() -> None:
    port, url, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    loop = new_event_loop()
    loop.run_until_complete(create_tables(url))
    committers = Committers(loop.run_until_complete(_connections(url, count)))
    on_request.serve(port, lambda seconds: loop.run_until_complete(committers.work(seconds)))


if __name__ == "__main__":
    main()
