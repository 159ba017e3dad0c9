"""One connection for pub/sub: what to listen to is sent once per tick, messages go to their routes as they come."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import hiredis

from hub.engines.redis.failures import ServerError
from hub.engines.redis.link import MORE, Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.clock import Clock

MAX_NAMES_PER_COMMAND: Final = 500

_MESSAGES: Final = frozenset({b"message", b"smessage"})

_ATTACHING: Final = frozenset({b"subscribe", b"ssubscribe"})
_ONE_NAME: Final = frozenset({b"ssubscribe", b"sunsubscribe"})

_VERBS: Final = {
    (True, False): b"subscribe",
    (True, True): b"ssubscribe",
    (False, False): b"unsubscribe",
    (False, True): b"sunsubscribe",
}
"""By (listens, is_sharded)."""


class Route(Protocol):
    """Where the messages of one pub/sub channel go."""

    @property
    def name(self) -> bytes:
        """The pub/sub channel."""

    @property
    def slot(self) -> int:
        """Whose primary has it."""

    @property
    def is_sharded(self) -> bool: ...

    def receive(self, data: bytes) -> None:
        """A message. Hot; what it raises ends nothing."""

    def attached(self) -> None:
        """From here on messages come. Told anew whenever they had stopped."""

    def detached(self) -> None:
        """Messages have stopped coming; some may have been lost already."""

    def refused(self, error: ServerError) -> None:
        """The server does not let us listen to this one."""


class Subscriber(Link):
    """A link that, once `listen` was called, only listens.

    A confirmation that nobody asked for, or a missing one, means that somebody in between plays server (a proxy that
    reconnected): the link closes itself, and everything on it is in doubt.

    Args:
        on_refused: told the error with which the server refused to let us listen to something.
        on_failed: told what a route raised at a message.
    """

    def __init__(
        self,
        clock: Clock,
        io_timeout_s: float,
        on_data: Callable[[], object],
        on_refused: Callable[[ServerError], None] = lambda _: None,
        on_failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        super().__init__(clock, io_timeout_s, on_data)
        self._on_refused = on_refused
        self._on_failed = on_failed
        self._routes: dict[bytes, Route] | None = None
        self._wanted: list[tuple[bytes, Route]] = []  # since the last tick, in order
        self._expected: deque[tuple[bytes, Route]] = deque()
        self._is_sync_due = False

    def listen(self, routes: dict[bytes, Route]) -> None:
        """From here on, whatever comes is a message or a confirmation. `routes` is the owner's, who changes it."""
        self._routes = routes

    def attach(self, route: Route) -> None:
        """Ask for its messages at the end of this tick; `route.attached` is told when they come."""
        self._want(True, route)

    def detach(self, route: Route) -> None:
        self._want(False, route)

    @property
    def num_unconfirmed(self) -> int:
        return len(self._wanted) + len(self._expected)

    def _want(self, listens: bool, route: Route) -> None:
        self._wanted.append((_VERBS[listens, route.is_sharded], route))
        if not self._is_sync_due:
            self._is_sync_due = True
            self._loop.call_soon(self._sync)

    def _sync(self) -> None:
        """Send what changed in this tick, neighbours of one verb in one command."""
        self._is_sync_due = False
        wanted, self._wanted = self._wanted, []
        if self.is_closed or self._transport is None:
            return
        self._expected.extend(wanted)
        self._num_called += len(wanted)
        commands: list[bytes] = []
        names: list[bytes] = []
        for number, (verb, route) in enumerate(wanted, 1):
            names.append(route.name)
            is_last = number == len(wanted) or wanted[number][0] is not verb
            if is_last or route.is_sharded or len(names) >= MAX_NAMES_PER_COMMAND:
                commands.append(hiredis.pack_command((verb, *names)))  # type: ignore[arg-type]  # the stub says 1-tuple
                names = []
        self._transport.write(b"".join(commands))

    def _take_replies(self) -> None:
        """Hot: one dictionary look-up per message."""
        routes = self._routes
        if routes is None:
            super()._take_replies()
            return
        gets = self._reader.gets
        while (reply := gets()) is not MORE:
            if type(reply) is not list:
                self._take_refusal(reply)
            elif reply[0] in _MESSAGES:
                route = routes.get(reply[1])
                if route is not None:
                    self._hand_over(route, reply[2])
            else:
                self._confirm(reply[0], reply[1])
            if self.is_closed:
                return

    def _hand_over(self, route: Route, data: bytes) -> None:
        try:
            route.receive(data)
        except Exception as exc:  # noqa: BLE001  # one message must not end the connection of all others
            self._on_failed(exc)

    def _confirm(self, verb: bytes, name: bytes) -> None:
        expected = self._expected
        if expected and expected[0][0] == verb and expected[0][1].name == name:
            _, route = expected.popleft()
            self._num_answered += 1
            if verb in _ATTACHING and self._routes is not None and self._routes.get(name) is route:
                route.attached()
        elif verb == b"sunsubscribe":
            self._lose_slot(name)
        else:
            self.close("a confirmation that nobody asked for")

    def _lose_slot(self, name: bytes) -> None:
        """The server has given the slot away and says so for each of its channels. The others are in no doubt."""
        route = None if self._routes is None else self._routes.get(name)
        if route is not None:
            route.detached()
            route.refused(ServerError("MOVED the slot is another server's"))

    def _take_refusal(self, reply: Any) -> None:
        """An error answers a whole command, so that only a sharded one (a name each) says which name it means."""
        if type(reply) is not hiredis.ReplyError or not self._expected:
            self.close(f"an answer that nobody asked for: {reply!r:.100}")
            return
        error = ServerError(str(reply))
        self._on_refused(error)
        verb, route = self._expected[0]
        if verb not in _ONE_NAME:
            self.close(f"refused to listen: {error}")
            return
        self._expected.popleft()
        self._num_answered += 1
        if verb in _ATTACHING:
            route.refused(error)
