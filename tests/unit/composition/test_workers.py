"""Children of a real parent, in a process of their own: what is left to chance in a test of whole nodes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from composition.workers import FIRST_PAUSE_S, LONGEST_PAUSE_S, pause_s
from tests.support.server import ROOT

PARENT = """
import os, signal, sys, time
from composition import workers
from composition.workers import Workers
from hub.clock import SystemClock

workers.FIRST_PAUSE_S = workers.LONGEST_PAUSE_S = 0.01
{before}
def work(number):
    {body}

sys.exit(Workers({count}, work, SystemClock(), 0.2).run())
"""


def outcome(body: str, count: int = 2, before: str = "") -> subprocess.CompletedProcess[str]:
    """What a parent comes to whose children do that."""
    program = PARENT.format(body=body, count=count, before=before)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_pauses_grow_to_a_bound_and_a_long_life_has_none() -> None:
    pauses = [pause_s(quick_deaths) for quick_deaths in range(100)]
    assert pauses[:3] == [0, FIRST_PAUSE_S, 2 * FIRST_PAUSE_S]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_child_that_keeps_dying_ends_all() -> None:
    ended = outcome("os.write(1, b'life %d\\n' % number); os._exit(3) if number == 1 else signal.pause()")
    assert ended.returncode == 1
    assert ended.stdout.split("\n").count("life 1") == 5
    assert ended.stdout.split("\n").count("life 2") == 1


@pytest.mark.parametrize("body", ["raise ValueError('broken')", "return 0", "os.abort()"])
def test_however_it_dies(body: str) -> None:
    assert outcome(body, count=1).returncode == 1


def test_a_child_that_cannot_be_made_is_made_later_and_the_others_live_on() -> None:
    """As when the machine has no process left: EAGAIN."""
    body = (
        "os.write(1, b'life %d\\n' % number)\n"
        "    if number == 2: os.kill(os.getppid(), signal.SIGTERM)\n"
        "    signal.signal(signal.SIGTERM, lambda *_: os._exit(0)); signal.pause()"
    )
    failing = (
        "fork, failures = os.fork, [OSError(11, 'Resource temporarily unavailable')] * 3\n"
        "def fork_later():\n"
        "    if workers_made and failures: raise failures.pop()\n"
        "    workers_made.append(1)\n"
        "    return fork()\n"
        "workers_made = []\n"
        "os.fork = fork_later\n"
    )
    ended = outcome(body, before=failing)
    assert (ended.returncode, ended.stdout.count("life 1"), ended.stdout.count("life 2")) == (0, 1, 1), ended.stderr
    assert ended.stderr.count("worker_not_started") == 3


def test_children_that_do_not_end_are_killed() -> None:
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
    assert outcome(body).returncode == 1


def test_children_that_end_in_order_make_an_orderly_end() -> None:
    body = (
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(0)); os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
    )
    assert outcome(body).returncode == 0


def test_a_child_sees_no_blocked_signal_and_none_of_its_parents_frames() -> None:
    body = (
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGINT).name, flush=True);"
        "os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    )
    ended = outcome(body, count=1)
    assert (ended.returncode, ended.stdout) == (0, "set() SIG_IGN\n")
