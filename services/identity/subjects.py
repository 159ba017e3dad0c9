"""Whom a security event is about: subject identifiers of RFC 9493 and the complex subjects of Shared Signals. Pure.

A format that is not known here, or that names somebody at another issuer, yields nobody: the event is accepted and ends
nothing. A complex subject names a session by `session` and a person by `user`; when both are understood both have to
fit. Its other members (`device`, `tenant`, `application`, …) would narrow it further by what is not known here; to end
a session too many is the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from services.identity.token_rules import is_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_ALIASES: Final = 20


@dataclass(frozen=True, slots=True)
class Target:
    """Sessions that were opened with an ID token of the provider and fit all that is not ""."""

    subject: str = ""
    email: str = ""
    idp_sid: str = ""


def session_targets(identifier: Mapping[str, Any], issuer: str) -> list[Target]:
    """What an event about a session is about. A simple opaque identifier is the provider's session id (`sid`)."""
    if _is_complex(identifier):
        return _complex_targets(identifier, issuer)
    if identifier.get("format") == "opaque":
        return [Target(idp_sid=sid) for sid in _opaque(identifier, issuer)]
    return list(_user_targets(identifier, issuer))


def user_targets(identifier: Mapping[str, Any], issuer: str) -> list[Target]:
    """What an event about a person is about: all sessions. A simple opaque identifier is the `sub`.

    A complex subject without a `user` that is understood is taken by its session.
    """
    if not _is_complex(identifier):
        return list(_user_targets(identifier, issuer))
    return list(_user_targets(_member(identifier, "user"), issuer)) or _complex_targets(identifier, issuer)


def _is_complex(identifier: Mapping[str, Any]) -> bool:
    """Drafts before 1.0 leave the format of a complex subject away."""
    return identifier.get("format") in (None, "complex")


def _complex_targets(identifier: Mapping[str, Any], issuer: str) -> list[Target]:
    users = list(_user_targets(_member(identifier, "user"), issuer)) or [Target()]
    sids = list(_sids(_member(identifier, "session"), issuer)) or [""]
    found = [Target(user.subject, user.email, sid) for user, sid in product(users, sids)]
    return [target for target in found if target != Target()]


def _member(identifier: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = identifier.get(name)
    return member if isinstance(member, dict) else {}


def _sids(identifier: Mapping[str, Any], issuer: str) -> Iterator[str]:
    for simple in _unaliased(identifier):
        if simple.get("format") == "opaque":
            yield from _opaque(simple, issuer)


def _user_targets(identifier: Mapping[str, Any], issuer: str) -> Iterator[Target]:
    for simple in _unaliased(identifier):
        form = simple.get("format")
        if isinstance(form, str) and form in _USER_FORMATS:
            yield from _USER_FORMATS[form](simple, issuer)


def _unaliased(identifier: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """An identifier, or all those that say the same (RFC 9493 section 3.2.8; they do not nest)."""
    if identifier.get("format") != "aliases":
        return [identifier]
    identifiers = identifier.get("identifiers")
    listed = identifiers[:MAX_ALIASES] if isinstance(identifiers, list) else []
    return [alias for alias in listed if isinstance(alias, dict)]


def _by_iss_sub(identifier: Mapping[str, Any], issuer: str) -> Iterator[Target]:
    if identifier.get("iss") == issuer:
        yield from (Target(subject=sub) for sub in _text(identifier, "sub"))


def _by_opaque(identifier: Mapping[str, Any], issuer: str) -> Iterator[Target]:
    yield from (Target(subject=sub) for sub in _opaque(identifier, issuer))


def _by_email(identifier: Mapping[str, Any], _issuer: str) -> Iterator[Target]:
    yield from (Target(email=email) for email in _text(identifier, "email"))


def _opaque(identifier: Mapping[str, Any], _issuer: str) -> Iterator[str]:
    yield from _text(identifier, "id")


def _text(identifier: Mapping[str, Any], name: str) -> Iterator[str]:
    value = identifier.get(name)
    if isinstance(value, str) and is_identifier(value):
        yield value


_USER_FORMATS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Iterator[Target]]]] = {
    "iss_sub": _by_iss_sub,
    "opaque": _by_opaque,
    "email": _by_email,
}
