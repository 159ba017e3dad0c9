"""The connections of this node, by client id and by user. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hub.connection import Connection


class Registry:
    """Holds connections from their successful connect to their end."""

    def __init__(self) -> None:
        self.by_client: dict[str, Connection] = {}
        self._by_user: dict[str, dict[Connection, None]] = {}

    def add(self, connection: Connection) -> None:
        self.by_client[connection.client_id] = connection
        self._by_user.setdefault(connection.user, {})[connection] = None

    def remove(self, connection: Connection) -> None:
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

    def select(self, condition: Callable[[Connection], bool]) -> Iterable[Connection]:
        return [connection for connection in self.by_client.values() if condition(connection)]

    @property
    def num_clients(self) -> int:
        return len(self.by_client)

    @property
    def num_users(self) -> int:
        return len(self._by_user)
