"""The connections of this node, by client id and by user. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.connection import Connection


class Registry:
    """All open connections; those whose connect was answered can be found by client and by user."""

    def __init__(self) -> None:
        self.opened: dict[Connection, None] = {}
        self.by_client: dict[str, Connection] = {}
        self._by_user: dict[str, dict[Connection, None]] = {}

    def open(self, connection: Connection) -> None:
        """It has a transport; nobody knows yet who it is."""
        self.opened[connection] = None

    def add(self, connection: Connection) -> None:
        self.by_client[connection.client_id] = connection
        self._by_user.setdefault(connection.user, {})[connection] = None

    def remove(self, connection: Connection) -> None:
        """Its transport has ended."""
        self.opened.pop(connection, None)
        if self.by_client.pop(connection.client_id, None) is None:
            return
        peers = self._by_user[connection.user]
        del peers[connection]
        if not peers:
            del self._by_user[connection.user]

    def of_user(self, user: str, *, client: str = "") -> list[Connection]:
        """Connections of a user ("" is the anonymous one), narrowed to one client id when given."""
        if client:
            connection = self.by_client.get(client)
            return [connection] if connection is not None and connection.user == user else []
        return list(self._by_user.get(user, ()))

    @property
    def num_clients(self) -> int:
        return len(self.by_client)

    @property
    def num_users(self) -> int:
        return len(self._by_user)
