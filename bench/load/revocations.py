"""One user with many sessions, each with several connections; one session after the other is revoked over REST.

Each time exactly that session's connections must be closed, with the code for it. A new log-in then takes its place.
"""

from __future__ import annotations

import select
import socket
import time

import msgspec

from bench.load.accounts import Accounts, Login, email, revocation_request
from bench.load.crowd import Crowd, readable
from bench.load.dialects import Centrifuge, Refused
from bench.load.dialer import Dialer
from bench.load.latency import Latencies
from bench.load.state_messages import opening
from bench.load.target import Target

_READ_BYTES = 65536


class RevocationReport(msgspec.Struct, frozen=True):
    """Until the last of the session's connections was closed. Closed before the answer came counts as 0 ms after it."""

    revocations: int
    closed_before_answer: int  # of these, those whose connections had all been closed when the answer came
    after_answer_p50_ms: float
    after_answer_p99_ms: float
    after_request_p50_ms: float
    after_request_p99_ms: float


class Revocations:
    """The first session revokes the others and is never revoked itself."""

    def __init__(self, target: Target, sessions: int, connections_per_session: int) -> None:
        self._target = target
        self._accounts = Accounts(target)
        self._connections_per_session = connections_per_session
        self._epoll = select.epoll()
        self._crowd = Crowd(self._epoll)
        self._accounts.register(email(0))
        self._revoker, *self._victims = [self._new_session() for _ in range(sessions)]
        self._rest = socket.create_connection((target.host, target.port))
        self._rest.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._epoll.register(self._rest, select.EPOLLIN)

    def run(self, count: int) -> RevocationReport:
        after_answer, after_request, early = Latencies(), Latencies(), 0
        for number in range(count):
            place, asked_ns = number % len(self._victims), time.monotonic_ns()
            answered_ns, closed_ns = self._revoke(self._victims[place])
            after_answer.add(max(closed_ns - answered_ns, 0))
            after_request.add(closed_ns - asked_ns)
            early += closed_ns <= answered_ns
            self._victims[place] = self._new_session()
        self._crowd.probe()
        percentiles = [*after_answer.percentiles_ms(0.5, 0.99), *after_request.percentiles_ms(0.5, 0.99)]
        return RevocationReport(count, early, *percentiles)

    def close(self) -> None:
        self._accounts.close()
        self._rest.close()
        self._crowd.close()
        self._epoll.close()

    def _new_session(self) -> Login:
        login = self._accounts.log_in(email(0))
        openings = [opening(login.user, login.access_token)] * self._connections_per_session
        for joined in Dialer(self._target, Centrifuge(), "").dial(openings):
            self._crowd.add(login.sid, joined)
        return login

    def _revoke(self, victim: Login) -> tuple[int, int]:
        """When the answer came, and when the last of the session's connections was closed."""
        self._rest.sendall(revocation_request(self._target, victim.sid, self._revoker.access_token))
        answered_ns, last_closed_ns, left = 0, 0, self._connections_per_session
        while left or not answered_ns:
            for descriptor in readable(self._epoll):
                if descriptor == self._rest.fileno():
                    answered_ns = self._answer_ns()
                elif closed_ns := self._crowd.closed_ns(descriptor, victim.sid):
                    left, last_closed_ns = left - 1, closed_ns
        return answered_ns, last_closed_ns

    def _answer_ns(self) -> int:
        answer = self._rest.recv(_READ_BYTES)
        if not answer.startswith(b"HTTP/1.1 204 ") or not answer.endswith(b"\r\n\r\n"):
            raise Refused(f"not revoked: {answer[:300]!r}")
        return time.monotonic_ns()
