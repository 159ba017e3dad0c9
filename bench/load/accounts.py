"""The REST API as a frontend uses it: accounts, log-ins, revocation. One keep-alive connection."""

from __future__ import annotations

import http.client
import secrets
from typing import Any, NamedTuple

import msgspec

from bench.load.dialects import Refused
from bench.load.target import Target

_TIMEOUT_S = 10.0
_PASSWORD = "correct horse battery staple of the bench"


class Login(NamedTuple):
    """One device's log-in."""

    user: str
    sid: str
    access_token: str


class Accounts:
    def __init__(self, target: Target) -> None:
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=_TIMEOUT_S)

    def register(self, email: str) -> None:
        self._post("/v1/accounts", {"email": email, "password": _PASSWORD, "name": email})

    def log_in(self, email: str) -> Login:
        """From a new device."""
        device = {"id": secrets.token_urlsafe(24), "name": "bench", "platform": "bench"}
        body = {"email": email, "password": _PASSWORD, "device": device, "mode": "token"}
        tokens = self._post("/v1/login", body)
        return Login(tokens["user"]["id"], tokens["session"]["id"], tokens["access_token"])

    def close(self) -> None:
        self._connection.close()

    def _post(self, path: str, body: object) -> Any:
        self._connection.request("POST", path, msgspec.json.encode(body), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status // 100 != 2:
            raise Refused(f"{path}: {answer.status} {content[:300].decode(errors='replace')}")
        return msgspec.json.decode(content)


class Roster:
    """Users of a server and the devices that they have logged in from so far."""

    def __init__(self, target: Target) -> None:
        self._accounts = Accounts(target)
        self._logins: dict[int, list[Login]] = {}

    def devices(self, user: int, count: int) -> list[Login]:
        """The first `count` devices of a user; those which are new are logged in."""
        if user not in self._logins:
            self._accounts.register(email(user))
        logins = self._logins.setdefault(user, [])
        while len(logins) < count:
            logins.append(self._accounts.log_in(email(user)))
        return logins[:count]

    def close(self) -> None:
        self._accounts.close()


def email(number: int) -> str:
    return f"bench-{number}@example.com"


def revocation_request(target: Target, sid: str, access_token: str) -> bytes:
    return (
        f"DELETE /v1/sessions/{sid} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
        f"Authorization: Bearer {access_token}\r\n\r\n"
    ).encode()
