"""Role x action x whose: the whole matrix against this table. A new action without a row here fails."""

from __future__ import annotations

from itertools import product
from unittest.mock import Mock

import pytest

from hub.commands.rpc import RPCMethods
from services.accounts.permissions import Action, may, require
from services.accounts.user import Role
from sessions.login_sessions import LoginSessions
from sessions.principal import Principal
from sessions.refusal import Kind, Refusal
from sessions.rpc import register
from sessions.state.documents import StateDocuments

ME, OTHER, NOBODY = "user-me", "user-other", ""
OWNERS = {"own": ME, "other": OTHER, "nobody's": NOBODY}

RPC = {
    "sessions.list": Action.SESSION_LIST,
    "sessions.rename": Action.SESSION_RENAME,
    "sessions.revoke": Action.SESSION_REVOKE,
    "sessions.revoke_others": Action.SESSION_REVOKE,
    "sessions.revoke_all": Action.SESSION_REVOKE,
    "state.list": Action.STATE_READ,
    "state.get": Action.STATE_READ,
    "state.changes": Action.STATE_READ,
    "state.replace": Action.STATE_WRITE,
    "state.merge": Action.STATE_WRITE,
    "state.patch": Action.STATE_WRITE,
    "state.remove": Action.STATE_WRITE,
}

# What each role may do to its own things, to others', to nobody's (lists, the audit trail). Everything else: no.
EXPECTED = """
                           CUSTOMER  VENDOR  OPS                 ADMIN
profile.read               own       own     own                 own
profile.write              own       own     own                 own
password.change            own       own     own                 own
session.list               own       own     own                 own other nobody's
session.rename             own       own     own                 own
session.revoke             own       own     own                 own other nobody's
state.read                 own       own     own                 own
state.write                own       own     own                 own
user.list                  -         -       -                   own other nobody's
user.read                  -         -       -                   own other nobody's
user.set_role              -         -       -                   own other nobody's
user.set_status            -         -       -                   own other nobody's
audit.read                 -         -       -                   own other nobody's
operations.read            -         -       own other nobody's  own other nobody's
operations.read_content    -         -       own other nobody's  own other nobody's
operations.disconnect      -         -       own other nobody's  own other nobody's
operations.revoke_session  -         -       own other nobody's  own other nobody's
operations.publish         -         -       own other nobody's  own other nobody's
operations.dead_letters    -         -       own other nobody's  own other nobody's
"""


def expected() -> dict[tuple[str, str], set[str]]:
    header, *rows = EXPECTED.strip("\n").splitlines()
    starts = [header.index(role) for role in header.split()]
    table = {}
    for row in rows:
        cells = [row[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
        for role, cell in zip(header.split(), cells, strict=True):
            table[role, row.split()[0]] = set(cell.split()) - {"-"}
    return table


def principal(*roles: str) -> Principal:
    return Principal(ME, "sid", "did", frozenset(roles))


def test_the_table_has_a_row_for_every_action_and_role() -> None:
    assert set(expected()) == set(product(Role, Action))


@pytest.mark.parametrize(("role", "action", "whose"), list(product(Role, Action, OWNERS)))
def test_matrix(role: Role, action: Action, whose: str) -> None:
    is_expected = whose in expected()[role, action]
    assert may(principal(role), action, OWNERS[whose]) is is_expected
    if is_expected:
        require(principal(role), action, OWNERS[whose])
    else:
        with pytest.raises(Refusal) as refused:
            require(principal(role), action, OWNERS[whose])
        assert (refused.value.kind, refused.value.code) == (Kind.FORBIDDEN, "forbidden")


@pytest.mark.parametrize(("action", "whose"), list(product(Action, OWNERS)))
def test_no_role_and_an_unknown_role_may_nothing(action: Action, whose: str) -> None:
    assert not may(principal(), action, OWNERS[whose])
    assert not may(principal("ROOT", "admin", ""), action, OWNERS[whose])


@pytest.mark.parametrize(("action", "whose"), list(product(Action, OWNERS)))
def test_several_roles_may_what_any_of_them_may(action: Action, whose: str) -> None:
    owner = OWNERS[whose]
    together = may(principal(Role.CUSTOMER, Role.ADMIN), action, owner)
    assert together is (may(principal(Role.CUSTOMER), action, owner) or may(principal(Role.ADMIN), action, owner))


@pytest.mark.parametrize(("role", "action"), list(product(Role, set(RPC.values()))))
def test_rpc_which_does_not_ask_does_nothing_that_a_role_may_not(role: Role, action: Action) -> None:
    """Take one of these away from a role, and RPC has to ask too."""
    assert may(principal(role), action, ME)


def test_every_rpc_method_that_does_not_ask_is_an_action() -> None:
    methods = RPCMethods(timeout_s=1)
    register(methods, Mock(LoginSessions), Mock(StateDocuments))
    assert set(methods._handlers) == RPC.keys()


def test_nobody_is_not_the_owner_of_what_is_nobodys() -> None:
    anonymous = Principal("", "", "", frozenset({Role.CUSTOMER}))
    assert not may(anonymous, Action.PROFILE_READ, "")


def test_a_refusal_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Refusal):
        require(principal(Role.CUSTOMER), Action.USER_SET_ROLE, OTHER)
    [record] = caplog.records
    assert record.message == "permission_refused"
    assert {key: vars(record)[key] for key in ("user", "session", "action", "owner")} == {
        "user": ME,
        "session": "sid",
        "action": "user.set_role",
        "owner": OTHER,
    }
