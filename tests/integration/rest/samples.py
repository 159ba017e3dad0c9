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

CUSTOMER, VENDOR, ADMIN, NOBODY = "CUSTOMER", "VENDOR", "ADMIN", "nobody"


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
    return dict.fromkeys((NOBODY, CUSTOMER, VENDOR, ADMIN), status)


def users(status: int) -> dict[str, int]:
    """Whoever has an account, about what is its own."""
    return everybody(status) | {NOBODY: 401}


def administrators(status: int) -> dict[str, int]:
    return users(403) | {ADMIN: status}


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
    "getKeys": Sample(path="/.well-known/jwks.json", statuses=everybody(200)),
}
