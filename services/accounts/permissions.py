"""Who may do what to whose things: one table, one decision, deny by default.

REST asks here before every operation, and so does the RPC `ops.watch`. The others have nothing to ask about: they take
no other user than the connection's own (`sessions.rpc`), and every role may do to its own things what they do; a test
holds the two together.
"""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING

from services.accounts.user import Role
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sessions.principal import Principal

logger = logging.getLogger(__name__)


class Action(enum.StrEnum):
    PROFILE_READ = "profile.read"
    PROFILE_WRITE = "profile.write"
    PASSWORD_CHANGE = "password.change"
    SESSION_LIST = "session.list"
    SESSION_RENAME = "session.rename"
    SESSION_REVOKE = "session.revoke"
    STATE_READ = "state.read"
    STATE_WRITE = "state.write"
    USER_LIST = "user.list"
    USER_READ = "user.read"
    USER_SET_ROLE = "user.set_role"
    USER_SET_STATUS = "user.set_status"
    AUDIT_READ = "audit.read"
    OPERATIONS_READ = "operations.read"
    """Nodes, connections, channels and their members, relays, traces, logs, settings; live too."""
    OPERATIONS_CONTENT = "operations.read_content"
    """What was published, and dead letters: the trail tells who has looked."""
    OPERATIONS_DISCONNECT = "operations.disconnect"
    OPERATIONS_REVOKE = "operations.revoke_session"
    OPERATIONS_PUBLISH = "operations.publish"
    OPERATIONS_LETTERS = "operations.dead_letters"
    """Give them back, or forget them."""


class Reach(enum.Enum):
    """Whose things a permission is good for."""

    OWN = enum.auto()
    ANY = enum.auto()


_OWN: Mapping[Action, Reach] = dict.fromkeys(
    (
        Action.PROFILE_READ,
        Action.PROFILE_WRITE,
        Action.PASSWORD_CHANGE,
        Action.SESSION_LIST,
        Action.SESSION_RENAME,
        Action.SESSION_REVOKE,
        Action.STATE_READ,
        Action.STATE_WRITE,
    ),
    Reach.OWN,
)

_ADMINISTRATION: Mapping[Action, Reach] = dict.fromkeys(
    (
        Action.SESSION_LIST,
        Action.SESSION_REVOKE,
        Action.USER_LIST,
        Action.USER_READ,
        Action.USER_SET_ROLE,
        Action.USER_SET_STATUS,
        Action.AUDIT_READ,
    ),
    Reach.ANY,
)

_OPERATIONS: Mapping[Action, Reach] = dict.fromkeys(
    (
        Action.OPERATIONS_READ,
        Action.OPERATIONS_CONTENT,
        Action.OPERATIONS_DISCONNECT,
        Action.OPERATIONS_REVOKE,
        Action.OPERATIONS_PUBLISH,
        Action.OPERATIONS_LETTERS,
    ),
    Reach.ANY,
)

PERMISSIONS: Mapping[str, Mapping[Action, Reach]] = {
    Role.CUSTOMER: _OWN,
    Role.VENDOR: _OWN,
    # Nobody reads another user's state or sets another user's password, administrators included.
    Role.OPS: {**_OWN, **_OPERATIONS},
    Role.ADMIN: {**_OWN, **_ADMINISTRATION, **_OPERATIONS},
}


def may(principal: Principal, action: Action, owner: str = "") -> bool:
    """Whether the principal may do this to something of `owner`; "" when it is nobody's, such as the list of users.

    A role that the table does not know allows nothing; several roles allow what any of them does.
    """
    return any(
        reach is Reach.ANY or (reach is Reach.OWN and owner != "" and owner == principal.user)
        for reach in (PERMISSIONS.get(role, {}).get(action) for role in principal.roles)
    )


def require(principal: Principal, action: Action, owner: str = "") -> None:
    """Go on, or refuse and say so in the log.

    Raises:
        Refusal: FORBIDDEN, code `forbidden`; it does not tell whether the thing exists.
    """
    if not may(principal, action, owner):
        told = {"user": principal.user, "session": principal.sid, "action": action.value, "owner": owner}
        logger.warning("permission_refused", extra=told)
        raise Refusal(Kind.FORBIDDEN, "forbidden", "the role does not allow this")
