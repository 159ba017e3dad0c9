"""The port of whoever wants to know what connections do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hub.connection import Connection


class Observer(Protocol):
    """Told on the event-loop thread, in the order in which things happen; it never waits and never fails."""

    def connected(self, connection: Connection) -> None:
        """Its connect has succeeded."""

    def disconnected(self, connection: Connection) -> None:
        """It has ended after it had connected; `close_reason` says why."""

    def published(self, connection: Connection, channel: str, data: bytes) -> None:
        """The engine has accepted what the client published."""


class Observers:
    """Several in place of one: told in the order in which they came."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def connected(self, connection: Connection) -> None:
        for observer in self._observers:
            observer.connected(connection)

    def disconnected(self, connection: Connection) -> None:
        for observer in self._observers:
            observer.disconnected(connection)

    def published(self, connection: Connection, channel: str, data: bytes) -> None:
        for observer in self._observers:
            observer.published(connection, channel, data)


def beside(first: Observer | None, second: Observer) -> Observer:
    """Both, whoever was there before."""
    return second if first is None else Observers(first, second)
