"""The connections of this node, by client id, by user and by login session. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.connection import Connection


WEBSOCKET_JSON: Final = ("websocket", "json")


class Registry:
    """All open connections; those whose connect was answered can be found by client, user and session.

    Attributes:
        by_transport: how many of those there are, by transport and encoding.
    """

    def __init__(self) -> None:
        self.opened: dict[Connection, None] = {}
        self.by_client: dict[str, Connection] = {}
        self._by_user: dict[str, dict[Connection, None]] = {}
        self._by_session: dict[str, dict[Connection, None]] = {}
        self._by_device: dict[str, dict[Connection, None]] = {}
        self.by_transport: Counter[tuple[str, str]] = Counter({WEBSOCKET_JSON: 0})

    def open(self, connection: Connection) -> None:
        """It has a transport; nobody knows yet who it is."""
        self.opened[connection] = None

    def add(self, connection: Connection) -> None:
        self.by_client[connection.client_id] = connection
        self.by_transport[connection.transport.name, connection.codec.name] += 1
        self._by_user.setdefault(connection.user, {})[connection] = None
        if connection.session is not None:
            self._by_session.setdefault(connection.session.sid, {})[connection] = None
            self._by_device.setdefault(connection.session.did, {})[connection] = None

    def remove(self, connection: Connection) -> bool:
        """Its transport has ended; say whether it could be found until now."""
        self.opened.pop(connection, None)
        if self.by_client.pop(connection.client_id, None) is None:
            return False
        self.by_transport[connection.transport.name, connection.codec.name] -= 1
        _remove(self._by_user, connection.user, connection)
        if connection.session is not None:
            _remove(self._by_session, connection.session.sid, connection)
            _remove(self._by_device, connection.session.did, connection)
        return True

    def of_user(self, user: str, *, client: str = "", session: str = "") -> list[Connection]:
        """Connections of a user ("" is the anonymous one), narrowed to one client id and one session when given."""
        if client:
            connection = self.by_client.get(client)
            found = [] if connection is None else [connection]
        else:
            found = self.of_session(session) if session else list(self._by_user.get(user, ()))
        return [connection for connection in found if _is_of(connection, user, session)]

    def of_session(self, sid: str) -> list[Connection]:
        """Connections of a login session."""
        return list(self._by_session.get(sid, ()))

    @property
    def sids(self) -> Iterable[str]:
        """The login sessions that have connections here."""
        return self._by_session.keys()

    @property
    def num_clients(self) -> int:
        return len(self.by_client)

    @property
    def num_users(self) -> int:
        return len(self._by_user)

    @property
    def num_sessions(self) -> int:
        return len(self._by_session)

    @property
    def num_devices(self) -> int:
        """Of connections with a login session."""
        return len(self._by_device)

    def measures(self) -> dict[str, float]:
        """How many there are, by transport and encoding."""
        return {
            f"clients_by_transport.{transport}|{encoding}": float(count)
            for (transport, encoding), count in self.by_transport.items()
        }


def _remove(index: dict[str, dict[Connection, None]], key: str, connection: Connection) -> None:
    peers = index[key]
    del peers[connection]
    if not peers:
        del index[key]


def _is_of(connection: Connection, user: str, session: str) -> bool:
    if connection.user != user:
        return False
    return not session or (connection.session is not None and connection.session.sid == session)
