"""Whom events are about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.subjects import MAX_ALIASES, Target, session_targets, user_targets
from services.identity.token_rules import is_identifier

ISSUER = "https://id.example"
ISS_SUB = {"format": "iss_sub", "iss": ISSUER, "sub": "ann"}
FOREIGN = {"format": "iss_sub", "iss": "https://other.example", "sub": "ann"}
OPAQUE = {"format": "opaque", "id": "o-1"}
EMAIL = {"format": "email", "email": "ann@example.com"}
PHONE = {"format": "phone_number", "phone_number": "+12065550100"}
DEVICE = {"format": "opaque", "id": "d-1"}
SESSION = {"format": "opaque", "id": "s-1"}
ANN = Target(subject="ann")
BY_EMAIL = Target(email="ann@example.com")


def complex_subject(**members: object) -> dict[str, Any]:
    return {"format": "complex", **members}


CASES: list[tuple[dict[str, Any], list[Target], list[Target]]] = [
    # identifier, as a session's, as a person's
    (ISS_SUB, [ANN], [ANN]),
    (FOREIGN, [], []),
    (OPAQUE, [Target(idp_sid="o-1")], [Target(subject="o-1")]),
    (EMAIL, [BY_EMAIL], [BY_EMAIL]),
    (PHONE, [], []),
    ({"format": "aliases", "identifiers": [PHONE, ISS_SUB, EMAIL]}, [ANN, BY_EMAIL], [ANN, BY_EMAIL]),
    ({"format": "aliases", "identifiers": [{"format": "aliases", "identifiers": [ISS_SUB]}]}, [], []),
    ({"format": "aliases", "identifiers": "x"}, [], []),
    (complex_subject(user=ISS_SUB), [ANN], [ANN]),
    (complex_subject(user=ISS_SUB, session=SESSION), [Target(subject="ann", idp_sid="s-1")], [ANN]),
    (complex_subject(user=OPAQUE, session=SESSION), [Target(subject="o-1", idp_sid="s-1")], [Target(subject="o-1")]),
    (complex_subject(session=SESSION), [Target(idp_sid="s-1")], [Target(idp_sid="s-1")]),
    (complex_subject(user=PHONE, session=SESSION), [Target(idp_sid="s-1")], [Target(idp_sid="s-1")]),
    (complex_subject(user=FOREIGN), [], []),
    (complex_subject(user=ISS_SUB, session=PHONE), [ANN], [ANN]),
    (complex_subject(user=ISS_SUB, device=DEVICE), [ANN], [ANN]),
    (complex_subject(device=DEVICE, tenant=OPAQUE), [], []),
    (complex_subject(user="ann", session=["s-1"]), [], []),
    ({"user": ISS_SUB, "session": SESSION}, [Target(subject="ann", idp_sid="s-1")], [ANN]),
    ({}, [], []),
    ({"format": "iss_sub", "iss": ISSUER, "sub": ""}, [], []),
    ({"format": "iss_sub", "iss": ISSUER, "sub": 42}, [], []),
    ({"format": "opaque", "id": "a" * 256}, [], []),
    ({"format": ["opaque"], "id": "x"}, [], []),
    ({"format": "ISS_SUB", "iss": ISSUER, "sub": "ann"}, [], []),
]


@pytest.mark.parametrize(("identifier", "of_session", "of_user"), CASES)
def test_targets(identifier: dict[str, Any], of_session: list[Target], of_user: list[Target]) -> None:
    assert session_targets(identifier, ISSUER) == of_session
    assert user_targets(identifier, ISSUER) == of_user


def test_aliases_are_bounded() -> None:
    many = [{"format": "iss_sub", "iss": ISSUER, "sub": str(n)} for n in range(MAX_ALIASES + 5)]
    assert len(user_targets({"format": "aliases", "identifiers": many}, ISSUER)) == MAX_ALIASES


def identifiers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    formats = st.sampled_from(["iss_sub", "opaque", "email", "aliases", "complex", "account"])
    names = st.sampled_from(["iss", "sub", "id", "email", "identifiers", "user", "session", "x"])
    return st.tuples(st.dictionaries(names, inner | st.just(ISSUER)), formats | inner).map(
        lambda parts: {**parts[0], "format": parts[1]}
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | identifiers(inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(identifiers(json_values))
def test_whatever_is_sent_never_names_everybody(identifier: dict[str, Any]) -> None:
    """Nothing raises, and a target always says something that a database can look for."""
    for target in [*session_targets(identifier, ISSUER), *user_targets(identifier, ISSUER)]:
        named = [value for value in (target.subject, target.email, target.idp_sid) if value]
        assert named
        assert all(map(is_identifier, named))
