from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.flush import Flush

_TIMED_FLUSHES = """
import os, sys, time
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
sys.stdout.write("ready\\n"); sys.stdout.flush()
for line in sys.stdin:
    started_ns = time.monotonic_ns()
    getattr(os, line.strip())(file)
    print(time.monotonic_ns() - started_ns, flush=True)
"""


@pytest.mark.parametrize("call", ["fsync", "fdatasync"])
def test_a_flush_of_a_running_process_can_be_made_to_last(tmp_path: Path, call: str) -> None:
    """An upper bound would be a bet on this machine's disk; that the pad is gone again shows in what is not written."""
    flush = Flush(tmp_path)
    argv = [sys.executable, "-c", _TIMED_FLUSHES, str(tmp_path / "file")]
    environment = {**os.environ, **flush.environment}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def flushed_ns() -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{call}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        with flush.at_least(20):
            assert flushed_ns() >= 20_000_000
            with flush.at_least(40):
                assert flushed_ns() >= 40_000_000
        assert (tmp_path / "flush_us").read_bytes() == bytes(4)
        assert flushed_ns() > 0
