"""Tokens made here are accepted by the verifier and by `checktoken`; others are refused with a reason."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from hub.clock import SystemClock
from hub.config import TokenConfig
from hub.tokens.verifier import TokenVerifier
from settings.dev_secrets import load_dev_secrets
from tests.unit.cli.conftest import HMAC_SECRET, Run

ENV = {"SYNCLINE_CLIENT__TOKEN__HMAC_SECRET_KEY": HMAC_SECRET}
SUBSCRIPTION_SECRET = "another-secret-of-forty-characters-here!"
SUBSCRIPTION_ENV = {
    **ENV,
    "SYNCLINE_CLIENT__SUBSCRIPTION_TOKEN__ENABLED": "true",
    "SYNCLINE_CLIENT__SUBSCRIPTION_TOKEN__HMAC_SECRET_KEY": SUBSCRIPTION_SECRET,
}


def claims_of(token: str, secret: str = HMAC_SECRET, **options: Any) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token.strip(), secret, algorithms=["HS256"], **options)
    return claims


class TestGentoken:
    def test_prints_the_token_and_nothing_else(self, run: Run) -> None:
        result = run("gentoken", "--user", "42", env=ENV)
        assert (result.exit_code, result.stderr) == (0, "")
        claims = claims_of(result.stdout)
        assert claims == {"sub": "42", "iat": claims["iat"], "exp": claims["iat"] + 3600}

    def test_with_everything(self, run: Run) -> None:
        arguments = ["--ttl", "90s", "--channel", "news", "--channel", "chat:1", "--info", '{"name": "Ö"}']
        token = run("gentoken", "--user", "42", *arguments, env=ENV).stdout.strip()
        verifier = TokenVerifier(TokenConfig(hmac_secrets=((HMAC_SECRET, 0),)), SystemClock())
        claims = asyncio.run(verifier.verify_connect(token))
        assert claims.user == "42"
        assert set(claims.subs) == {"news", "chat:1"}
        assert isinstance(claims.info, msgspec.Raw)
        assert json.loads(bytes(claims.info)) == {"name": "Ö"}
        assert claims_of(token)["exp"] - claims_of(token)["iat"] == 90

    def test_that_never_expires(self, run: Run) -> None:
        assert "exp" not in claims_of(run("gentoken", "-u", "42", "--ttl", "0s", env=ENV).stdout)

    def test_for_nobody(self, run: Run) -> None:
        assert claims_of(run("gentoken", "--user", "", env=ENV).stdout)["sub"] == ""

    def test_fulfils_what_the_configuration_asks_for(self, run: Run) -> None:
        env = {
            **ENV,
            "SYNCLINE_CLIENT__TOKEN__AUDIENCE": "us",
            "SYNCLINE_CLIENT__TOKEN__ISSUER": "me",
            "SYNCLINE_CLIENT__TOKEN__USER_ID_CLAIM": "uid",
        }
        token = run("gentoken", "--user", "42", env=env).stdout
        claims = claims_of(token, audience="us")
        assert (claims["aud"], claims["iss"], claims["uid"]) == ("us", "me", "42")
        assert run("checktoken", token.strip(), env=env).exit_code == 0

    @pytest.mark.parametrize("choice", [["--dev"], ["--data-dir", "d"], ["--dev", "--data-dir", "d"]])
    def test_with_the_development_secret(self, run: Run, tmp_path: Path, choice: list[str]) -> None:
        token = run("gentoken", "--user", "42", *choice).stdout
        secrets = load_dev_secrets(tmp_path / ("d" if "d" in choice else "data"))
        assert claims_of(token, secrets.hmac_secret_key)["sub"] == "42"

    def test_with_the_secret_of_a_file(self, run: Run, tmp_path: Path) -> None:
        run("genconfig", "-o", "c.toml")
        token = run("gentoken", "--user", "42", "-c", "c.toml").stdout.strip()
        assert run("checktoken", "-c", "c.toml", token).exit_code == 0
        assert run("checktoken", token, env=ENV).exit_code == 1

    def test_without_a_secret(self, run: Run) -> None:
        result = run("gentoken", "--user", "42")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("error: client.token.hmac_secret_key is not set")

    def test_with_a_wrong_configuration(self, run: Run) -> None:
        result = run("gentoken", "--user", "42", env={**ENV, "SYNCLINE_LOG__LEVEL": "loud"})
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("error: log.level: ")

    @pytest.mark.parametrize("arguments", [["--ttl", "5"], ["--ttl", "-1s"], ["--info", "{"]])
    def test_wrong_usage(self, run: Run, arguments: list[str]) -> None:
        result = run("gentoken", "--user", "42", *arguments, env=ENV)
        assert (result.exit_code, result.stdout) == (2, "")
        assert arguments[0] in result.stderr


class TestGensubtoken:
    def test_names_user_and_channel(self, run: Run) -> None:
        token = run("gensubtoken", "--user", "42", "--channel", "$chat:1", "--ttl", "1m", env=ENV).stdout
        claims = claims_of(token)
        assert (claims["sub"], claims["channel"], claims["exp"] - claims["iat"]) == ("42", "$chat:1", 60)

    def test_has_a_secret_of_its_own_where_that_is_enabled(self, run: Run) -> None:
        token = run("gensubtoken", "--user", "42", "--channel", "chat:1", env=SUBSCRIPTION_ENV).stdout
        assert claims_of(token, SUBSCRIPTION_SECRET)["channel"] == "chat:1"

    def test_without_that_secret(self, run: Run) -> None:
        env = {
            **ENV,
            "SYNCLINE_CLIENT__SUBSCRIPTION_TOKEN__ENABLED": "true",
            "SYNCLINE_CLIENT__SUBSCRIPTION_TOKEN__JWKS_PUBLIC_ENDPOINT": "https://id.example/jwks",
        }
        result = run("gensubtoken", "--user", "42", "--channel", "chat:1", env=env)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: client.subscription_token.hmac_secret_key is not set")

    def test_needs_a_channel(self, run: Run) -> None:
        assert run("gensubtoken", "--user", "42", env=ENV).exit_code == 2


class TestChecktoken:
    def test_a_connection_token(self, run: Run) -> None:
        token = run("gentoken", "--user", "42", "--info", '{"a":1}', "--channel", "news", env=ENV).stdout.strip()
        result = run("checktoken", token, env=ENV)
        assert (result.exit_code, result.stderr) == (0, "")
        first, _, shown = result.stdout.partition("\n")
        assert first == "valid connection token"
        claims = json.loads(shown)
        assert (claims["user"], claims["info"], list(claims["subs"])) == ("42", {"a": 1}, ["news"])

    def test_a_subscription_token(self, run: Run) -> None:
        token = run("gensubtoken", "--user", "42", "--channel", "chat:1", env=ENV).stdout.strip()
        result = run("checktoken", token, env=ENV)
        first, _, shown = result.stdout.partition("\n")
        assert first == "valid subscription token"
        assert json.loads(shown)["channel"] == "chat:1"

    def test_a_subscription_token_is_checked_with_its_own_keys(self, run: Run) -> None:
        token = run("gensubtoken", "--user", "42", "--channel", "chat:1", env=SUBSCRIPTION_ENV).stdout.strip()
        assert run("checktoken", token, env=SUBSCRIPTION_ENV).exit_code == 0
        assert run("checktoken", token, env=ENV).exit_code == 1

    def test_from_stdin(self, run: Run) -> None:
        token = run("gentoken", "--user", "42", env=ENV).stdout
        assert token.endswith("\n")
        assert run("checktoken", "-", env=ENV, input=token).exit_code == 0

    def test_expired(self, run: Run) -> None:
        token = jwt.encode({"sub": "42", "exp": int(time.time()) - 60}, HMAC_SECRET, algorithm="HS256")
        result = run("checktoken", token, env=ENV)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "error: connection token is genuine, but expired: exp has passed\n"

    @pytest.mark.parametrize("token", ["", "abc", "a.b.c", "..", "e30.W10.x", "a.b.c.d", "ä.ö.ü"])
    def test_invalid(self, run: Run, token: str) -> None:
        result = run("checktoken", token, env=ENV)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("error: connection token is invalid: ")

    def test_of_another_secret(self, run: Run) -> None:
        token = jwt.encode({"sub": "42", "channel": "chat"}, "z" * 40, algorithm="HS256")
        result = run("checktoken", token, env=ENV)
        assert result.exit_code == 1
        assert result.stderr == "error: subscription token is invalid: signature\n"

    def test_never_repeats_a_token_it_refuses(self, run: Run) -> None:
        token = jwt.encode({"sub": "42"}, "z" * 40, algorithm="HS256")
        output = run("checktoken", token, env=ENV).output
        assert not [part for part in token.split(".") if part in output]
