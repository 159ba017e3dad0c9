"""The same rows written by PostgreSQL's own load generator, which is in C: what the server can do, for comparison."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bench.floors import mutation_rows, on_request
from bench.floors.postgres_commits import create_tables
from bench.floors.runtime import new_event_loop

_USER, _N = "'user-' || CAST(:user AS text)", "CAST(:n AS text)"
_PATCH = '{"t":"0000000000000000000","n": 0}'

SCRIPT = f"""\
\\set n :n + 1
\\set user :client_id
BEGIN;
UPDATE state_users SET documents = 1, bytes = 32, log_bytes = :n WHERE user_id = {_USER};
UPDATE state_documents SET version = :n, value = '{_PATCH}', updated_ms = 0
    WHERE user_id = {_USER} AND key = '{mutation_rows.KEY}';
INSERT INTO state_changes (user_id, key, version, mutation, digest, device, kind, at_ms, bytes, patch)
    VALUES ({_USER}, '{mutation_rows.KEY}', :n, 'm-' || {_N}, '{"d" * 64}', 'device', 'merge', 0, 32, '{_PATCH}');
INSERT INTO outbox (id, channel, data, at_ms)
    VALUES ('event-' || {_N} || {_USER}, 'state:' || '{mutation_rows.KEY}#' || {_USER}, '{_PATCH}{_PATCH}{_PATCH}', 0);
COMMIT;
"""
"""Each client writes for one user; `:n` counts on from run to run. A colon before a letter or a digit is pgbench's."""

_DONE = re.compile(r"number of transactions actually processed: (\d+)")
_RUN_LENGTH = 1_000_000


class PgBench:
    def __init__(self, program: str, url: str, clients: int, script: Path) -> None:
        script.write_text(SCRIPT)
        self._argv = [program, "--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--file={script}", url]
        self._runs = 0

    def work(self, seconds: float) -> int:
        """pgbench knows whole seconds."""
        self._runs += 1
        first = self._runs * _RUN_LENGTH
        argv = [*self._argv[:-1], f"--time={max(1, round(seconds))}", f"--define=n={first}", self._argv[-1]]
        report = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout
        found = _DONE.search(report)
        if found is None:
            raise ValueError(f"pgbench said: {report}")
        return int(found[1])


def main() -> None:
    port, url, clients, program, script = sys.argv[1:]
    new_event_loop().run_until_complete(create_tables(url))
    on_request.serve(int(port), PgBench(program, url, int(clients), Path(script)).work)


if __name__ == "__main__":
    main()
