"""For every operation: a request that is whole, and what each role gets for it. A new operation needs a row here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.rest_node import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.rest_node import Person

DEVICE = {"id": "device-sample-0123456789abcdef"}

JSON = {"Content-Type": "application/json"}

CUSTOMER, VENDOR, OPS, ADMIN, NOBODY = "CUSTOMER", "VENDOR", "OPS", "ADMIN", "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request.

    Attributes:
        path: with `{me}` and `{my_sid}` of the caller, `{other}` and `{other_sid}` of another user, a CUSTOMER.
        statuses: by role: what is answered.
    """

    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, int]

    def path_for(self, me: Person | None, other: Person) -> str:
        mine = {"me": me.id, "my_sid": me.sid} if me else {"me": "x", "my_sid": "x"}
        return self.path.format(**mine, other=other.id, other_sid=other.sid)


def everybody(status: int) -> dict[str, int]:
    """Public: nobody is asked who it is."""
    return dict.fromkeys((NOBODY, CUSTOMER, VENDOR, OPS, ADMIN), status)


def users(status: int) -> dict[str, int]:
    """Whoever has an account, about what is its own."""
    return everybody(status) | {NOBODY: 401}


def administrators(status: int) -> dict[str, int]:
    return users(403) | {ADMIN: status}


def operators(status: int) -> dict[str, int]:
    return users(403) | {OPS: status, ADMIN: status}


LOGIN = {"email": "sample@example.com", "password": "not the password", "device": DEVICE, "mode": "token"}

SAMPLES: dict[str, Sample] = {
    "register": Sample(
        path="/v1/accounts",
        body={"email": "new@example.com", "password": PASSWORD, "name": "New"},
        statuses=everybody(202),
    ),
    "login": Sample(path="/v1/login", body=LOGIN, statuses=everybody(401)),
    "loginExternal": Sample(
        path="/v1/login/external",
        body={"issuer": "https://idp", "token": "x.y.z", "device": DEVICE, "mode": "token"},
        statuses=everybody(401),
    ),
    "refreshToken": Sample(
        path="/v1/token/refresh", body={"refresh_token": "x" * 96, "device_id": DEVICE["id"]}, statuses=everybody(401)
    ),
    "logout": Sample(path="/v1/logout", statuses=users(204)),
    "getMe": Sample(path="/v1/me", statuses=users(200)),
    "updateMe": Sample(path="/v1/me", body={"name": "Me"}, statuses=users(200)),
    "changePassword": Sample(
        path="/v1/me/password",
        body={"current_password": PASSWORD, "new_password": "another horse battery"},
        statuses=users(204),
    ),
    "listSessions": Sample(path="/v1/sessions", statuses=users(200)),
    "renameSession": Sample(path="/v1/sessions/{my_sid}", body={"name": "Desk"}, statuses=users(200)),
    "revokeSession": Sample(path="/v1/sessions/{my_sid}", statuses=users(204)),
    "revokeOtherSessions": Sample(path="/v1/sessions/revoke-others", statuses=users(200)),
    "revokeAllSessions": Sample(path="/v1/sessions/revoke-all", statuses=users(200)),
    "listUserSessions": Sample(path="/v1/users/{other}/sessions", statuses=administrators(200)),
    "revokeUserSession": Sample(path="/v1/users/{other}/sessions/{other_sid}", statuses=administrators(204)),
    "revokeAllUserSessions": Sample(path="/v1/users/{other}/sessions/revoke-all", statuses=administrators(200)),
    "listUsers": Sample(path="/v1/users?limit=10", statuses=administrators(200)),
    "getUser": Sample(path="/v1/users/{other}", statuses=administrators(200)),
    "updateUser": Sample(
        path="/v1/users/{other}", body={"role": "VENDOR", "status": "active"}, statuses=administrators(200)
    ),
    "listAudit": Sample(path="/v1/audit?limit=10", statuses=administrators(200)),
    "listDocuments": Sample(path="/v1/state", statuses=users(200)),
    "getDocument": Sample(path="/v1/state/cart", statuses=users(404)),
    "listChanges": Sample(path="/v1/state/cart/changes", statuses=users(200)),
    "replaceDocument": Sample(path="/v1/state/cart", body={"n": 1}, statuses=users(200)),
    "patchDocument": Sample(
        path="/v1/state/cart",
        body={"n": 1},
        headers={"Content-Type": "application/merge-patch+json"},
        statuses=users(200),
    ),
    "removeDocument": Sample(path="/v1/state/cart", statuses=users(404)),
    "backchannelLogout": Sample(
        path="/v1/backchannel-logout",
        body=b"logout_token=x",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        statuses=everybody(400),
    ),
    "pushSecurityEvent": Sample(
        path="/v1/security-events",
        body=b"x",
        headers={"Content-Type": "application/secevent+jwt"},
        statuses=everybody(400),
    ),
    "listNodes": Sample(path="/v1/ops/nodes", statuses=operators(200)),
    "listLogLines": Sample(path="/v1/ops/logs?level=info&text=x&limit=10", statuses=operators(200)),
    "getSettings": Sample(path="/v1/ops/settings", statuses=operators(200)),
    "listTraces": Sample(path="/v1/ops/traces?errors_only=true&min_ms=1.5&limit=10", statuses=operators(200)),
    "getTrace": Sample(path=f"/v1/ops/traces/{'0af7651916cd43dd8448eb211c80319c'}", statuses=operators(200)),
    "listConnections": Sample(path="/v1/ops/connections?user={me}&limit=10", statuses=operators(200)),
    "disconnectClient": Sample(
        path="/v1/ops/connections/disconnect",
        body={"user": "somebody", "client": "a-client", "can_reconnect": False},
        statuses=operators(204),
    ),
    "revokeAnySession": Sample(path="/v1/ops/sessions/{other_sid}/revoke", statuses=operators(204)),
    "listChannels": Sample(path="/v1/ops/channels?pattern=news:*&limit=10", statuses=operators(200)),
    "getChannel": Sample(path="/v1/ops/channel?name=news:today", statuses=operators(200)),
    "getChannelHistory": Sample(path="/v1/ops/channel/history?name=news:today&limit=10", statuses=operators(200)),
    "publishToChannel": Sample(
        path="/v1/ops/channel/publish",
        body={"channel": "news:today", "data": {"n": 1}, "tags": {"kind": "test"}},
        statuses=operators(200),
    ),
    "listRelays": Sample(path="/v1/ops/relays", statuses=operators(200)),
    "listDeadLetters": Sample(path="/v1/ops/relays/none/dead-letters?limit=10", statuses=operators(404)),
    "replayDeadLetters": Sample(
        path="/v1/ops/relays/none/dead-letters/replay", body={"ids": ["1"]}, statuses=operators(404)
    ),
    "removeDeadLetters": Sample(
        path="/v1/ops/relays/none/dead-letters/remove", body={"everything": True}, statuses=operators(404)
    ),
    "getKeys": Sample(path="/.well-known/jwks.json", statuses=everybody(200)),
}
