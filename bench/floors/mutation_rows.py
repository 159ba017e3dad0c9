"""The rows of one mutation of shared state, as statements: what any server has to write, whatever it is made of.

The user's numbers, the document, the change log, and the event that waits to be published. They are the tables of the
first migration; nothing here is Syncline's code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from storage.migrations.versions import m0001_accounts_sessions_state as schema

USERS = 64
KEY = "cart"

create_tables = schema.up

ADD_USER = "INSERT INTO state_users (user_id, documents, bytes, floor_version) VALUES ($1, 1, 2, 0)"
ADD_DOCUMENT = "INSERT INTO state_documents (user_id, key, version, value, updated_ms) VALUES ($1, $2, 0, '{}', 0)"

SET_USER = "UPDATE state_users SET documents = 1, bytes = $1, log_bytes = $2 WHERE user_id = $3"
SET_DOCUMENT = "UPDATE state_documents SET version = $1, value = $2, updated_ms = $3 WHERE user_id = $4 AND key = $5"
ADD_CHANGE = (
    "INSERT INTO state_changes (user_id, key, version, mutation, digest, device, kind, at_ms, bytes, patch)"
    " VALUES ($1, $2, $3, $4, $5, $6, 'merge', $7, $8, $9)"
)
ADD_EVENT = "INSERT INTO outbox (id, channel, data, at_ms) VALUES ($1, $2, $3, $4)"

Statement = tuple[str, tuple[str | int, ...]]

_PARAMETER = re.compile(r"\$\d+")
_DIGEST, _DEVICE = "d" * 64, "device-of-this-writer"
_AT_MS = 1_767_225_600_000


def user_name(number: int) -> str:
    return f"user-{number}"


def in_sqlite(sql: str) -> str:
    """The same statement with SQLite's parameters: each occurs once and in order, so position is enough."""
    return _PARAMETER.sub("?", sql)


def first_rows() -> Iterator[Statement]:
    for number in range(USERS):
        yield ADD_USER, (user_name(number),)
        yield ADD_DOCUMENT, (user_name(number), KEY)


def mutation(number: int) -> tuple[Statement, ...]:
    """The statements of mutation `number` of a run: users take turns, versions rise by one."""
    user, version = user_name(number % USERS), number // USERS + 1
    patch = f'{{"t":"{number:019d}","n":{number}}}'
    event = f'{{"version":{version},"kind":"merge","patch":{patch},"mutation":"m-{number}","device":"{_DEVICE}"}}'
    return (
        (SET_USER, (len(patch), version * len(patch), user)),
        (SET_DOCUMENT, (version, patch, _AT_MS, user, KEY)),
        (ADD_CHANGE, (user, KEY, version, f"m-{number}", _DIGEST, _DEVICE, _AT_MS, len(patch), patch)),
        (ADD_EVENT, (f"event-{number:012d}", f"state:{KEY}#{user}", event, _AT_MS)),
    )
