"""Several nodes on one machine and one port: a parent that serves nobody, and children that are nodes.

The parent forks before there is an event loop, a thread or an exporter, so that no child inherits half of one. It does
nothing but wait for signals: it passes the end on to all children at once, and starts another where one has died.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.clock import Clock

logger = logging.getLogger(__name__)

QUICK_DEATH_S: Final = 20.0
"""A child that dies younger has died of something that another one would meet too."""

MAX_QUICK_DEATHS: Final = 5
"""So many in a row of one child, and the whole process ends, unless another child does live: its clients stay."""

END_GRACE_S: Final = 15.0
"""What a node may take beyond its drain, before its worker is killed."""

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0

_ENDING: Final = {signal.SIGTERM, signal.SIGINT}
_WAITED_FOR: Final = {*_ENDING, signal.SIGCHLD}

_ENDED_AS_ASKED: Final = {0, -signal.SIGTERM}
"""The second is a child that had not got as far as listening to the signal."""

_PR_SET_PDEATHSIG: Final = 1

NEVER: Final = math.inf


@dataclass
class _Place:
    """One of the children, through all its lives."""

    number: int
    pid: int = 0
    started_at_s: float = 0.0
    start_at_s: float = 0.0
    quick_deaths: int = 0


@dataclass
class Workers:
    """Keeps `count` children until SIGTERM or SIGINT; a second one ends them at once.

    Args:
        work: what a child does, from its number (1 to `count`) to its exit code. SIGTERM asks it to end, SIGINT does
            not reach it: a terminal sends that to all of them, and the parent passes it on.
        end_timeout_s: how long children may take to end; then they are killed.
    """

    count: int
    work: Callable[[int], int]
    clock: Clock
    end_timeout_s: float
    _places: list[_Place] = field(default_factory=list)
    _kill_at_s: float | None = None
    _exit_code: int = 0

    def run(self) -> int:
        """Until all children have ended. 0 when they were asked to and all did so in order.

        Main thread only; there must be no other. The signals are put back as they were.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
        self._places = [_Place(number) for number in range(1, self.count + 1)]
        try:
            while self._is_going_on():
                self._start_those_due()
                self._wait()
                self._bury()
        finally:
            self._signal(signal.SIGKILL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._exit_code

    def _is_going_on(self) -> bool:
        return self._kill_at_s is None or any(place.pid for place in self._places)

    # --- birth ------------------------------------------------------------------------------------------------------

    def _start_those_due(self) -> None:
        now_s = self.clock.monotonic_s()
        if self._kill_at_s is None:
            for place in self._places:
                if not place.pid and place.start_at_s <= now_s:
                    self._start(place, now_s)

    def _start(self, place: _Place, now_s: float) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as exc:  # no memory, no process left for it: perhaps later
            logger.error("worker_not_started", extra={"worker": place.number, "detail": str(exc)})
            place.started_at_s = now_s
            self._count_death(place, now_s)
            return
        if not pid:
            self._live(place.number, parent)
        place.pid, place.started_at_s = pid, now_s
        logger.info("worker_started", extra={"worker": place.number, "worker_pid": pid})

    def _live(self, number: int, parent: int) -> NoReturn:
        """The child, to its end: nothing of the parent's stack may run in it."""
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAITED_FOR)
            _end_with(parent)
            code = self.work(number)
        except BaseException:
            logger.exception("worker_failed")
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    # --- life -------------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Sleep until a signal, a restart that is due, or the end of patience."""
        wake_at_s = self._wake_at_s()
        if wake_at_s == NEVER:
            received: signal.struct_siginfo | None = signal.sigwaitinfo(_WAITED_FOR)
        else:
            received = signal.sigtimedwait(_WAITED_FOR, max(0.0, wake_at_s - self.clock.monotonic_s()))
        if received is not None and received.si_signo in _ENDING:
            self._end(at_once=self._kill_at_s is not None)
        elif self._kill_at_s is not None and self.clock.monotonic_s() >= self._kill_at_s:
            self._end(at_once=True)

    def _wake_at_s(self) -> float:
        if self._kill_at_s is not None:
            return self._kill_at_s
        return min((place.start_at_s for place in self._places if not place.pid), default=NEVER)

    def _end(self, *, at_once: bool) -> None:
        if at_once:
            self._kill_at_s = NEVER
            self._signal(signal.SIGKILL)
        else:
            logger.info("workers_ending")
            self._kill_at_s = self.clock.monotonic_s() + self.end_timeout_s
            self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)

    # --- death ------------------------------------------------------------------------------------------------------

    def _bury(self) -> None:
        """Look at every child that has ended. One signal may stand for several of them."""
        for place in self._places:
            if place.pid:
                pid, status = os.waitpid(place.pid, os.WNOHANG)
                if pid:
                    self._mourn(place, os.waitstatus_to_exitcode(status))

    def _mourn(self, place: _Place, code: int) -> None:
        pid, place.pid = place.pid, 0
        if self._kill_at_s is not None:
            self._exit_code = self._exit_code or int(code not in _ENDED_AS_ASKED)
            return
        logger.error("worker_died", extra={"worker": place.number, "worker_pid": pid, "exit_code": code})
        self._count_death(place, self.clock.monotonic_s())

    def _count_death(self, place: _Place, now_s: float) -> None:
        is_quick = now_s - place.started_at_s < QUICK_DEATH_S
        place.quick_deaths = place.quick_deaths + 1 if is_quick else 0
        if place.quick_deaths >= MAX_QUICK_DEATHS and not self._somebody_lives(now_s):
            logger.error("worker_given_up", extra={"worker": place.number})
            self._exit_code = 1
            self._end(at_once=False)
        else:
            place.start_at_s = now_s + pause_s(place.quick_deaths)

    def _somebody_lives(self, now_s: float) -> bool:
        return any(place.pid and now_s - place.started_at_s >= QUICK_DEATH_S for place in self._places)


def pause_s(quick_deaths: int) -> float:
    """Nothing after a long life."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(quick_deaths - 1, 10)) if quick_deaths else 0.0


def _end_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent ends, however it does: nobody else would tell."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it has ended before it could be asked for
        os.kill(os.getpid(), signal.SIGTERM)
