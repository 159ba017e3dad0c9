from __future__ import annotations

import asyncio
import re

import pytest
from msgspec import Raw

from hub.config import TokenConfig
from hub.tokens.claims import KeysUnavailable, TokenExpired, TokenInvalid
from hub.tokens.keys import KeyUnusable
from hub.tokens.verifier import TokenVerifier
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.at_once import at_once
from tests.unit.hub.tokens.conftest import SECRET
from tests.unit.hub.tokens.issuer import Issuer, ecdsa_issuer, ecdsa_key, eddsa_issuer, hmac_issuer, rsa_issuer
from tests.unit.hub.tokens.provider import URL, KeyProvider

HMAC = TokenConfig(hmac_secrets=((SECRET, 0),))


@pytest.fixture
def verifier(clock: FakeClock) -> TokenVerifier:
    return TokenVerifier(HMAC, clock)


# --- the token-level rows of docs/protocol.md section 6.1 -----------------------------------------------------------


def test_a_connection_token_gives_its_claims(verifier: TokenVerifier, issuer: Issuer, clock: FakeClock) -> None:
    token = issuer.sign_with(info={"name": "Alice"}, channels=["news"], meta={"plan": "pro"})
    claims = at_once(verifier.verify_connect(token))
    assert (claims.user, claims.expire_at_s) == ("42", clock.now_s() + 3600)
    assert (claims.info, set(claims.subs), claims.meta) == (Raw(b'{"name": "Alice"}'), {"news"}, {"plan": "pro"})


def test_a_subscription_token_gives_its_claims(verifier: TokenVerifier, issuer: Issuer, clock: FakeClock) -> None:
    claims = at_once(verifier.verify_subscribe(issuer.sign_with(channel="$chat", client="c", data=[1])))
    assert (claims.user, claims.channel, claims.client, claims.data) == ("42", "$chat", "c", Raw(b"[1]"))
    assert claims.expire_at_s == clock.now_s() + 3600


def test_connect_with_an_expired_token_is_told_apart_from_an_invalid_one(
    verifier: TokenVerifier, issuer: Issuer, clock: FakeClock
) -> None:
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_connect(issuer.sign_with(exp=clock.now_s())))
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_connect(issuer.sign_with(nbf=clock.now_s() + 1)))
    forged = hmac_issuer(clock, "other").sign_with(exp=clock.now_s())
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_connect(forged))


def test_subscribe_with_an_expired_token_is_told_apart_from_an_invalid_one(
    verifier: TokenVerifier, issuer: Issuer, clock: FakeClock
) -> None:
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_subscribe(issuer.sign_with(channel="c", exp=clock.now_s())))
    forged = hmac_issuer(clock, "other").sign_with(channel="c", exp=clock.now_s())
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_subscribe(forged))


def test_neither_kind_of_token_stands_for_the_other(verifier: TokenVerifier, issuer: Issuer) -> None:
    connection, subscription = issuer.sign(), issuer.sign_with(channel="c")
    at_once(verifier.verify_connect(connection))
    at_once(verifier.verify_subscribe(subscription))
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_subscribe(connection))
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_connect(subscription))


def test_an_anonymous_token_is_good(verifier: TokenVerifier, issuer: Issuer) -> None:
    assert at_once(verifier.verify_connect(issuer.sign({}))).user == ""


def test_insecure_mode_ignores_time_but_not_the_signature(
    verifier: TokenVerifier, issuer: Issuer, clock: FakeClock
) -> None:
    for times in ({"exp": 5}, {"nbf": clock.now_s() + 5}, {"expire_at": 7}):
        assert at_once(verifier.verify_connect(issuer.sign_with(**times), ignore_expiry=True)).expire_at_s == 0
        subscription = issuer.sign_with(channel="c", **times)
        assert at_once(verifier.verify_subscribe(subscription, ignore_expiry=True)).expire_at_s == 0
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_connect(hmac_issuer(clock, "other").sign(), ignore_expiry=True))
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_connect(issuer.sign_with(exp="5"), ignore_expiry=True))


def test_audience_issuer_user_id_claim_and_leeway_are_as_configured(issuer: Issuer, clock: FakeClock) -> None:
    config = TokenConfig(
        hmac_secrets=((SECRET, 0),), audience="us", issuer_regex="^id$", user_id_claim="uid", leeway_s=30
    )
    verifier = TokenVerifier(config, clock)
    good = {"aud": ["us"], "iss": "id", "uid": 7, "exp": clock.now_s() - 29}
    assert at_once(verifier.verify_connect(issuer.sign_with(**good))).user == "7"
    wrongs: list[dict[str, object]] = [{"aud": "them"}, {"iss": "other"}, {"uid": []}]
    for wrong in wrongs:
        with pytest.raises(TokenInvalid):
            at_once(verifier.verify_connect(issuer.sign_with(**good | wrong)))
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_connect(issuer.sign_with(**good | {"exp": clock.now_s() - 30})))


@pytest.mark.parametrize("option", ["rsa_public_key", "ecdsa_public_key", "eddsa_public_key"])
def test_public_keys_verify(option: str, clock: FakeClock) -> None:
    issuer = {
        "rsa_public_key": rsa_issuer(clock),
        "ecdsa_public_key": ecdsa_issuer(clock),
        "eddsa_public_key": eddsa_issuer(clock),
    }[option]
    config = TokenConfig(**{option: issuer.public_pem})  # type: ignore[arg-type]  # the option is chosen at run time
    verifier = TokenVerifier(config, clock)
    assert at_once(verifier.verify_connect(issuer.sign())).user == "42"
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_connect(hmac_issuer(clock, SECRET).sign()))


# --- the cache ------------------------------------------------------------------------------------------------------


def test_the_same_token_gives_the_same_claims_without_being_verified(verifier: TokenVerifier, issuer: Issuer) -> None:
    token, subscription = issuer.sign(), issuer.sign_with(channel="c")
    claims = at_once(verifier.verify_connect(token))
    assert at_once(verifier.verify_connect("".join(token))) is claims
    assert at_once(verifier.verify_subscribe(subscription)) is at_once(verifier.verify_subscribe(subscription))


def test_a_cached_token_dies_with_its_exp(verifier: TokenVerifier, issuer: Issuer, clock: FakeClock) -> None:
    token = issuer.sign()
    at_once(verifier.verify_connect(token))
    clock.advance(3599.9)
    at_once(verifier.verify_connect(token))
    clock.advance(0.1)
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_connect(token))


def test_a_cached_token_keeps_its_leeway(issuer: Issuer, clock: FakeClock) -> None:
    verifier = TokenVerifier(TokenConfig(hmac_secrets=((SECRET, 0),), leeway_s=10), clock)
    token = issuer.sign()
    claims = at_once(verifier.verify_connect(token))
    clock.advance(3609.9)
    assert at_once(verifier.verify_connect(token)) is claims
    clock.advance(0.1)
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_connect(token))


def test_a_cached_token_dies_with_the_secret_that_signed_it(clock: FakeClock) -> None:
    config = TokenConfig(hmac_secrets=(("new", 0), ("old", clock.now_s() + 60)))
    verifier = TokenVerifier(config, clock)
    new, old = hmac_issuer(clock, "new").sign(), hmac_issuer(clock, "old").sign()
    assert at_once(verifier.verify_connect(old)) is at_once(verifier.verify_connect(old))
    at_once(verifier.verify_connect(new))
    clock.advance(60)
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_connect(old))
    at_once(verifier.verify_connect(new))


def test_insecure_mode_neither_fills_nor_reads_the_cache(
    verifier: TokenVerifier, issuer: Issuer, clock: FakeClock
) -> None:
    expired, good = issuer.sign_with(exp=5), issuer.sign()
    at_once(verifier.verify_connect(expired, ignore_expiry=True))
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_connect(expired))
    claims = at_once(verifier.verify_connect(good))
    assert at_once(verifier.verify_connect(good, ignore_expiry=True)) is not claims
    assert at_once(verifier.verify_connect(good)) is claims


def test_the_cache_is_bounded_and_may_be_off(issuer: Issuer, clock: FakeClock) -> None:
    tokens = [issuer.sign_with(sub=str(number)) for number in range(3)]
    for size, first_is_kept in ((3, True), (2, False), (0, False)):
        verifier = TokenVerifier(TokenConfig(hmac_secrets=((SECRET, 0),), cache_size=size), clock)
        claims = [at_once(verifier.verify_connect(token)) for token in tokens]
        assert (at_once(verifier.verify_connect(tokens[0])) is claims[0]) is first_is_kept


# --- published keys -------------------------------------------------------------------------------------------------

JWKS = TokenConfig(jwks_public_endpoint=URL, jwks_refresh_interval_s=600)


@pytest.fixture
def k1(clock: FakeClock) -> Issuer:
    return ecdsa_issuer(clock, kid="k1")


@pytest.fixture
def k2(clock: FakeClock) -> Issuer:
    return Issuer(clock, "ES256", ecdsa_key("ES256", "k2"), "k2")


@pytest.mark.parametrize("make", [rsa_issuer, ecdsa_issuer, eddsa_issuer])
async def test_a_published_key_verifies(make: type[Issuer], provider: KeyProvider, clock: FakeClock) -> None:
    issuer = make(clock, kid="k1")  # type: ignore[call-arg]  # the three take the same two arguments
    provider.publish(issuer.jwk())
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    claims = await verifier.verify_connect(issuer.sign())
    assert claims.user == "42"
    assert (await verifier.verify_subscribe(issuer.sign_with(channel="c"))).channel == "c"
    assert provider.fetches == 1


async def test_a_storm_of_new_clients_costs_one_fetch(provider: KeyProvider, clock: FakeClock, k1: Issuer) -> None:
    provider.publish(k1.jwk())
    provider.hold()
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    tokens = [k1.sign_with(sub=str(number)) for number in range(50)]
    storm = [asyncio.create_task(verifier.verify_connect(token)) for token in tokens]
    await provider.fetch_begun.wait()
    provider.release()
    assert [claims.user for claims in await asyncio.gather(*storm)] == [str(number) for number in range(50)]
    assert provider.fetches == 1


async def test_another_key_under_the_same_kid_is_refused(provider: KeyProvider, clock: FakeClock, k1: Issuer) -> None:
    provider.publish(k1.jwk())
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    with pytest.raises(TokenInvalid):
        await verifier.verify_connect(Issuer(clock, "ES256", ecdsa_key("ES256", "k2"), "k1").sign())


async def test_a_shared_secret_never_asks_the_provider(provider: KeyProvider, clock: FakeClock) -> None:
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    for alg in ("HS256", "HS384", "HS512", "none", "PS256", "unknown"):
        with pytest.raises(TokenInvalid):
            at_once(verifier.verify_connect(hmac_issuer(clock, SECRET).sign(None, alg=alg, kid="k1")))
    assert provider.fetches == 0


async def test_configured_keys_go_before_published_ones(provider: KeyProvider, clock: FakeClock, k1: Issuer) -> None:
    provider.is_down = True
    config = TokenConfig(jwks_public_endpoint=URL, hmac_secrets=((SECRET, 0),), ecdsa_public_key=k1.public_pem)
    verifier = TokenVerifier(config, clock, provider.fetch)
    at_once(verifier.verify_connect(hmac_issuer(clock, SECRET).sign()))
    at_once(verifier.verify_connect(k1.sign()))
    assert provider.fetches == 0


async def test_without_keys_the_answer_is_neither_yes_nor_no(
    provider: KeyProvider, clock: FakeClock, k1: Issuer
) -> None:
    provider.is_down = True
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    with pytest.raises(KeysUnavailable):
        await verifier.verify_connect(k1.sign())
    provider.is_down = False
    provider.publish(k1.jwk())
    clock.advance(1)
    assert (await verifier.verify_connect(k1.sign())).user == "42"


async def test_a_cached_token_dies_with_the_published_key_that_signed_it(
    provider: KeyProvider, clock: FakeClock, k1: Issuer, k2: Issuer
) -> None:
    provider.publish(k1.jwk())
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    token = k1.sign()
    claims = await verifier.verify_connect(token)
    provider.publish(k2.jwk())
    clock.advance(599)
    assert at_once(verifier.verify_connect(token)) is claims
    clock.advance(1)
    with pytest.raises(TokenInvalid):
        await verifier.verify_connect(token)


async def test_a_new_document_empties_the_caches_at_once(
    provider: KeyProvider, clock: FakeClock, k1: Issuer, k2: Issuer
) -> None:
    provider.publish(k1.jwk())
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    connection, subscription = k1.sign(), k1.sign_with(channel="c")
    await verifier.verify_connect(connection)
    await verifier.verify_subscribe(subscription)
    provider.publish(k2.jwk())
    clock.advance(10)
    await verifier.verify_connect(k2.sign())
    with pytest.raises(TokenInvalid):
        await verifier.verify_connect(connection)
    with pytest.raises(TokenInvalid):
        await verifier.verify_subscribe(subscription)


async def test_tokens_go_on_being_good_while_the_provider_is_down(
    provider: KeyProvider, clock: FakeClock, k1: Issuer
) -> None:
    provider.publish(k1.jwk())
    verifier = TokenVerifier(JWKS, clock, provider.fetch)
    token = k1.sign_with(exp=clock.now_s() + 100_000)
    await verifier.verify_connect(token)
    provider.is_down = True
    clock.advance(50_000)
    claims = await verifier.verify_connect(token)
    assert at_once(verifier.verify_connect(token)) is claims
    assert provider.fetches == 2


# --- configurations that cannot work --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (TokenConfig(rsa_public_key="x"), KeyUnusable),
        (TokenConfig(jwks_public_endpoint="https://id.example/{{tenant}}/jwks.json"), ValueError),
        (TokenConfig(issuer_regex="("), re.error),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_at_once(
    config: TokenConfig, error: type[Exception], clock: FakeClock, provider: KeyProvider
) -> None:
    with pytest.raises(error):
        TokenVerifier(config, clock, provider.fetch)


def test_a_key_set_needs_something_that_fetches_it(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="jwks_public_endpoint"):
        TokenVerifier(JWKS, clock)


def test_without_any_key_every_token_is_invalid(issuer: Issuer, clock: FakeClock) -> None:
    with pytest.raises(TokenInvalid):
        at_once(TokenVerifier(TokenConfig(), clock).verify_connect(issuer.sign()))
