from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.unit.settings.conftest import API_KEY, HMAC_SECRET, Complain, Load

BLOCKS = ["client.token", "client.subscription_token"]

PRIVATE_KEYS: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey] = {
    "rsa_public_key": rsa.generate_private_key(65537, 2048),
    "ecdsa_public_key": ec.generate_private_key(ec.SECP256R1()),
    "eddsa_public_key": ed25519.Ed25519PrivateKey.generate(),
}
PEMS = {
    name: key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for name, key in PRIVATE_KEYS.items()
}


def tree_of(block: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options in that block; the subscription block switched on, with a key."""
    if block == "client.token":
        return {"client": {"token": options}}
    return {"client": {"subscription_token": {"enabled": True, "hmac_secret_key": HMAC_SECRET, **options}}}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("option", PEMS)
class TestPublicKeys:
    def test_are_accepted(self, load: Load, block: str, option: str) -> None:
        load(tree_of(block, {option: PEMS[option]}))

    def test_of_another_kind(self, complaint: Callable[..., str], block: str, option: str) -> None:
        other = next(pem for name, pem in PEMS.items() if name != option)
        assert complaint(tree_of(block, {option: other})).startswith(f"{block}.{option}: is unusable: ")

    def test_that_are_none(self, complaint: Callable[..., str], block: str, option: str) -> None:
        message = complaint(tree_of(block, {option: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}))
        assert message.startswith(f"{block}.{option}: is unusable: ")

    def test_that_are_private(self, complaint: Callable[..., str], block: str, option: str) -> None:
        pem = PRIVATE_KEYS[option].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        message = complaint(tree_of(block, {option: pem}))
        assert message == f"{block}.{option}: holds a private key; only the public one belongs here"


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    ("options", "option", "message"),
    [
        (
            {"hmac_secret_key": HMAC_SECRET, "hmac_previous_secret_key_valid_until": 5},
            "hmac_previous_secret_key_valid_until",
            "would be ignored: hmac_previous_secret_key is not set",
        ),
        ({"audience": "a", "audience_regex": "a"}, "audience_regex", "excludes audience: set one of them"),
        ({"issuer": "a", "issuer_regex": "a"}, "issuer_regex", "excludes issuer: set one of them"),
        (
            {"audience_regex": "["},
            "audience_regex",
            "is not a regular expression: unterminated character set at position 0",
        ),
        ({"issuer_regex": "*"}, "issuer_regex", "is not a regular expression: nothing to repeat at position 0"),
        ({"user_id_claim": "user.id"}, "user_id_claim", "must be letters and _, not 'user.id'"),
        ({"jwks_public_endpoint": "ftp://a/jwks"}, "jwks_public_endpoint", "must be an https:// or http:// URL"),
        ({"jwks_public_endpoint": "https://"}, "jwks_public_endpoint", "must be an https:// or http:// URL"),
        ({"jwks_public_endpoint": "https://[::1"}, "jwks_public_endpoint", "must be an https:// or http:// URL"),
        (
            {"jwks_public_endpoint": "https://id.example/{{iss}}/jwks"},
            "jwks_public_endpoint",
            "must be one URL: placeholders for claims are not supported",
        ),
        (
            {"jwks_public_endpoint": "https://a/jwks", "jwks_refresh_interval": "0s"},
            "jwks_refresh_interval",
            "must be more than 0s",
        ),
    ],
)
def test_refused(complaint: Callable[..., str], block: str, options: dict[str, Any], option: str, message: str) -> None:
    assert complaint(tree_of(block, options)) == f"{block}.{option}: {message}"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_secret_that_is_a_public_key(complaint: Callable[..., str], block: str) -> None:
    """Whoever has the public key could sign tokens with it."""
    message = complaint(tree_of(block, {"hmac_secret_key": PEMS["rsa_public_key"]}))
    assert message.startswith(f"{block}.hmac_secret_key: is unusable: ")
    assert "BEGIN" not in message


def test_a_previous_secret_needs_a_current_one(complaint: Callable[..., str]) -> None:
    message = complaint({"client": {"token": {"hmac_previous_secret_key": HMAC_SECRET}}})
    assert message == "client.token.hmac_previous_secret_key: needs hmac_secret_key: it is the key before that one"


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    ("options", "option", "warning"),
    [
        (
            {"hmac_secret_key": "secret"},
            "hmac_secret_key",
            "is shorter than 32 bytes: whoever has a token could guess it",
        ),
        (
            {"hmac_secret_key": HMAC_SECRET, "hmac_previous_secret_key": "s" * 31},
            "hmac_previous_secret_key",
            "is shorter than 32 bytes: whoever has a token could guess it",
        ),
        (
            {"jwks_public_endpoint": "http://id.example/jwks"},
            "jwks_public_endpoint",
            "is fetched without TLS: whoever is on the way could hand out keys",
        ),
    ],
)
def test_warned_of(
    warnings: Callable[..., list[str]], block: str, options: dict[str, Any], option: str, warning: str
) -> None:
    """Centrifugo's own examples sign with "secret": short ones must work."""
    assert warnings(tree_of(block, options)) == [f"{block}.{option}: {warning}"]


def test_secrets_of_32_bytes_are_long_enough(warnings: Callable[..., list[str]]) -> None:
    """Bytes, not characters: RFC 7518 section 3.2."""
    assert warnings({"client": {"token": {"hmac_secret_key": "s" * 32}}}) == []
    assert warnings({"client": {"token": {"hmac_secret_key": "ö" * 16}}}) == []


@pytest.mark.parametrize("url", ["https://id.example/jwks", "http://localhost:1/jwks", "http://[::1]/j"])
def test_jwks_urls_without_a_warning(warnings: Callable[..., list[str]], url: str) -> None:
    assert warnings({"client": {"token": {"jwks_public_endpoint": url}}}) == []


class TestSubscriptionTokens:
    KEY = "client.subscription_token.enabled"

    def test_of_their_own_need_a_key(self, complaint: Callable[..., str]) -> None:
        message = complaint({"client": {"subscription_token": {"enabled": True}}})
        assert message == f"{self.KEY}: needs a key of its own: client.subscription_token.hmac_secret_key or another"

    def test_keys_without_the_switch_are_told(self, warnings: Callable[..., list[str]]) -> None:
        told = warnings({"client": {"subscription_token": {"hmac_secret_key": "s"}}})
        assert told == [f"{self.KEY}: is false, so the keys of client.subscription_token are not used"]


API = {"http_api": {"key": API_KEY}}


class TestSecretsToServe:
    def test_no_way_to_connect(self, problems: Complain) -> None:
        (problem,) = problems(API, is_for_serving=True)
        assert problem.key == "client.token.hmac_secret_key"
        assert problem.source == ""
        for way_out in (*PEMS, "jwks_public_endpoint", "genconfig", "--dev", "allow_anonymous_connect_without_token"):
            assert way_out in problem.message

    def test_both_missing_secrets_are_named_at_once(self, problems: Complain) -> None:
        found = problems(is_for_serving=True)
        assert {problem.key for problem in found} == {"client.token.hmac_secret_key", "http_api.key"}

    @pytest.mark.parametrize(
        "tree",
        [
            {"client": {"token": {"hmac_secret_key": HMAC_SECRET}}},
            *({"client": {"token": {name: pem}}} for name, pem in PEMS.items()),
            {"client": {"token": {"jwks_public_endpoint": "https://id.example/jwks"}}},
            {"client": {"insecure": True}},
            {"client": {"allow_anonymous_connect_without_token": True}},
            {"client": {"user_id_http_header": "X-User"}},
            {"websocket": {"disabled": True}},
        ],
    )
    def test_ways_to_connect(self, load: Load, tree: dict[str, Any]) -> None:
        load({**API, **tree}, is_for_serving=True)

    def test_an_unusable_key_is_not_missed_as_well(self, problems: Complain) -> None:
        found = problems({**API, "client": {"token": {"hmac_secret_key": 5}}}, is_for_serving=True)
        assert [problem.message for problem in found] == ["must be a string"]
