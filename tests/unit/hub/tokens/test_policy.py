from __future__ import annotations

import pytest

from hub.config import TokenConfig
from hub.tokens.claim_set import ClaimSet
from hub.tokens.claims import TokenExpired, TokenInvalid
from hub.tokens.policy import TokenPolicy

NOW_S = 1000.0


@pytest.mark.parametrize(
    ("config", "claim_set"),
    [
        (TokenConfig(), ClaimSet()),
        (TokenConfig(), ClaimSet(aud="anyone", iss="anyone")),
        (TokenConfig(audience="us"), ClaimSet(aud="us")),
        (TokenConfig(audience="us"), ClaimSet(aud=["them", "us"])),
        (TokenConfig(issuer="id"), ClaimSet(iss="id")),
        (TokenConfig(audience_regex="^(us|we)$"), ClaimSet(aud=["them", "we"])),
        (TokenConfig(issuer_regex="^https://id\\."), ClaimSet(iss="https://id.example")),
        (TokenConfig(issuer_regex="example"), ClaimSet(iss="https://id.example")),
    ],
)
def test_a_token_for_us_from_our_issuer_is_accepted(config: TokenConfig, claim_set: ClaimSet) -> None:
    TokenPolicy(config).check_parties(claim_set)


@pytest.mark.parametrize(
    ("config", "claim_set"),
    [
        (TokenConfig(audience="us"), ClaimSet()),
        (TokenConfig(audience="us"), ClaimSet(aud=[])),
        (TokenConfig(audience="us"), ClaimSet(aud="them")),
        (TokenConfig(audience="us"), ClaimSet(aud="us ")),
        (TokenConfig(audience="us"), ClaimSet(aud="US")),
        (TokenConfig(audience="us"), ClaimSet(aud=["them", "usa"])),
        (TokenConfig(audience_regex="^us$"), ClaimSet()),
        (TokenConfig(audience_regex="^us$"), ClaimSet(aud=["usa"])),
        (TokenConfig(audience="us", audience_regex="^u"), ClaimSet(aud=["up", "us2"])),
        (TokenConfig(issuer="id"), ClaimSet()),
        (TokenConfig(issuer="id"), ClaimSet(iss="id2")),
        (TokenConfig(issuer_regex="^id$"), ClaimSet()),
        (TokenConfig(issuer_regex="^id$"), ClaimSet(iss="idx")),
    ],
)
def test_a_token_for_or_from_somebody_else_is_refused(config: TokenConfig, claim_set: ClaimSet) -> None:
    with pytest.raises(TokenInvalid):
        TokenPolicy(config).check_parties(claim_set)


@pytest.mark.parametrize(
    ("leeway_s", "claim_set"),
    [
        (0, ClaimSet()),
        (0, ClaimSet(exp=1000.1)),
        (0, ClaimSet(nbf=1000)),
        (0, ClaimSet(iat=9999)),
        (5, ClaimSet(exp=995.1)),
        (5, ClaimSet(nbf=1005)),
    ],
)
def test_a_token_is_good_from_nbf_until_exp(leeway_s: float, claim_set: ClaimSet) -> None:
    TokenPolicy(TokenConfig(leeway_s=leeway_s)).check_time(claim_set, now_s=NOW_S)


@pytest.mark.parametrize(
    ("leeway_s", "claim_set"),
    [
        (0, ClaimSet(exp=1000)),
        (0, ClaimSet(exp=0)),
        (0, ClaimSet(exp=-1)),
        (0, ClaimSet(nbf=1000.1)),
        (0, ClaimSet(exp=2000, nbf=1001)),
        (5, ClaimSet(exp=995)),
        (5, ClaimSet(nbf=1005.1)),
    ],
)
def test_a_token_is_expired_before_nbf_and_from_exp_on(leeway_s: float, claim_set: ClaimSet) -> None:
    with pytest.raises(TokenExpired):
        TokenPolicy(TokenConfig(leeway_s=leeway_s)).check_time(claim_set, now_s=NOW_S)
