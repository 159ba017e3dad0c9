from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.process_tree import ProcessGone, ProcessTree


@contextlib.contextmanager
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing until it is told to end."""
    argv = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.communicate(b"\n")


def test_children_and_other_roots_belong_to_it() -> None:
    with child() as process:
        assert process.pid in ProcessTree(os.getpid()).threads()
        assert process.pid in ProcessTree(os.getppid() or 1, process.pid).threads()
        both, one = ProcessTree(process.pid, process.pid), ProcessTree(process.pid)
        assert both.rss_bytes() == 2 * one.rss_bytes() > 0


def test_a_child_that_ends_is_no_error_and_the_process_itself_is() -> None:
    with child() as process:
        tree, with_another = ProcessTree(process.pid), ProcessTree(os.getpid(), process.pid)
        assert tree.cpu_ns() > 0
    assert ProcessTree(os.getpid()).cpu_ns() > 0
    for gone in (tree, with_another):
        with pytest.raises(ProcessGone, match=str(process.pid)):
            gone.cpu_ns()
