"""A provider's word, over HTTP, down to the live connections."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from services.identity.config import EventTransmitterConfig
from tests.integration.identity_node import DEVICES, IdentityNode, ServedProvider, serve_node, serve_provider
from tests.support.identity_provider import (
    BEARER_TOKEN,
    CREDENTIAL_CHANGE,
    EVENT_AUDIENCE,
    SESSION_REVOKED,
    VERIFICATION,
)
from tests.support.patience import eventually
from tests.support.raw_client import Close

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.config import StorageConfig

SESSION_REVOKED_CLOSE = Close(3590, "session revoked")


@pytest.fixture
async def provider() -> AsyncIterator[ServedProvider]:
    async with serve_provider() as served:
        yield served


@pytest.fixture
async def node(storage_config: StorageConfig, provider: ServedProvider) -> AsyncIterator[IdentityNode]:
    async with serve_node(storage_config, provider) as served:
        yield served


async def test_log_in_and_be_logged_out_by_the_provider(node: IdentityNode, provider: ServedProvider) -> None:
    there = await node.tokens(DEVICES[0], sid="s-1")
    elsewhere = await node.tokens(DEVICES[1], sid="s-2")
    assert there["user"]["id"] == elsewhere["user"]["id"]
    assert there["user"]["email"] == "ann@example.com"
    assert there["session"]["method"] == "identity_provider"
    clients = [await node.connected(there) for _ in range(2)]
    other = await node.connected(elsewhere)

    answer = await node.log_out(provider.logout_token(sid="s-1"))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert [await client.closing() for client in clients] == [SESSION_REVOKED_CLOSE] * 2
    assert (await node.refresh(there)).status == 401
    assert (await node.refresh(elsewhere)).status == 200
    await other.call("rpc", method="sessions.list", data={})

    assert (await node.log_out(provider.logout_token(sid=None))).status == 200
    assert await other.closing() == SESSION_REVOKED_CLOSE


async def test_nobody_else_is_logged_out(node: IdentityNode, provider: ServedProvider) -> None:
    bob = await node.connected(await node.tokens(DEVICES[1], sub="bob", sid="s-9", email="bob@example.com"))
    for claims in ({"sub": "ann", "sid": "s-9"}, {"sub": "ann", "sid": None}, {"sub": None, "sid": "s-8"}):
        assert (await node.log_out(provider.logout_token(**claims))).status == 200
    assert node.platform.logout.sessions_ended == 0
    await bob.call("rpc", method="sessions.list", data={})


async def test_a_logout_token_counts_once(node: IdentityNode, provider: ServedProvider) -> None:
    token = provider.logout_token()
    assert (await node.log_out(token)).status == 200
    again = await node.tokens()
    answer = await node.log_out(token)
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    assert (await node.refresh(again)).status == 200


async def test_kinds_of_tokens_are_not_exchanged(node: IdentityNode, provider: ServedProvider) -> None:
    tokens = await node.tokens()
    for typ in (None, "JWT", "logout+jwt"):
        id_token = provider.sign(provider.id_claims(nonce=None, jti="1"), typ=typ)
        assert (await node.log_out(id_token)).status == 400
        logout_token = provider.sign(provider.logout_claims(), typ=typ)
        answer = await node.log_in(logout_token)
        assert (answer.status, answer.body["code"]) == (401, "invalid_credentials")
        assert (await node.push(logout_token)).status == 400
    assert (await node.log_out(provider.security_event())).status == 400
    assert (await node.log_in(provider.security_event())).status == 401
    assert (await node.log_out(tokens["access_token"])).status == 400
    assert (await node.log_in(tokens["access_token"])).status == 401
    assert (await node.refresh(tokens)).status == 200


@pytest.mark.parametrize("event", [SESSION_REVOKED, CREDENTIAL_CHANGE])
async def test_a_security_event_ends_the_sessions_of_the_subject(
    node: IdentityNode, provider: ServedProvider, event: str
) -> None:
    sessions = [await node.tokens(device, sid=device) for device in DEVICES[:3]]
    clients = [await node.connected(tokens) for tokens in sessions]
    bob = await node.connected(await node.tokens(DEVICES[4], sub="bob", email="bob@example.com"))
    token = provider.security_event(events={event: {"event_timestamp": 1}})
    assert (await node.push(token)).status == 202
    assert [await client.closing() for client in clients] == [SESSION_REVOKED_CLOSE] * 3
    anew = await node.tokens()
    assert (await node.push(token)).status == 202
    assert (await node.refresh(anew)).status == 200
    await bob.call("rpc", method="sessions.list", data={})


async def test_a_security_event_ends_one_session(node: IdentityNode, provider: ServedProvider) -> None:
    first, second = [await node.tokens(device, sid=device) for device in DEVICES[:2]]
    identifier = {
        "format": "complex",
        "session": {"format": "opaque", "id": DEVICES[0]},
        "user": {"format": "iss_sub", "iss": provider.issuer, "sub": "ann"},
    }
    assert (await node.push(provider.security_event(sub_id=identifier))).status == 202
    assert (await node.refresh(first)).status == 401
    assert (await node.refresh(second)).status == 200


async def test_a_security_event_by_address(storage_config: StorageConfig, provider: ServedProvider) -> None:
    by_email = {"format": "email", "email": "ANN@example.com"}
    async with serve_node(storage_config, provider, provider.config(links_by_email=True)) as node:
        tokens = await node.tokens()
        assert (await node.push(provider.security_event(sub_id=by_email))).status == 202
        assert (await node.refresh(tokens)).status == 401


async def test_the_stream_is_verified(node: IdentityNode, provider: ServedProvider) -> None:
    token = provider.security_event(events={VERIFICATION: {"state": "x"}}, sub_id={"format": "opaque", "id": "stream"})
    assert (await node.push(token)).status == 202


async def test_errors_of_the_push_delivery(node: IdentityNode, provider: ServedProvider) -> None:
    """RFC 8935 section 2.3 and 2.4."""
    await node.push(provider.security_event())
    stranger = provider.rotate(keep_old=False)
    provider.key, provider.published = stranger, [stranger]
    expected: dict[str, tuple[str, str]] = {
        "authentication_failed": (provider.security_event(), "wrong"),
        "invalid_request": ("not a token", BEARER_TOKEN),
        "invalid_issuer": (provider.security_event(iss="https://evil.example"), BEARER_TOKEN),
        "invalid_audience": (provider.security_event(aud="other"), BEARER_TOKEN),
        "invalid_key": (provider.sign(provider.event_claims(), kid="x", typ="secevent+jwt"), BEARER_TOKEN),
    }
    for code, (token, bearer) in expected.items():
        answer = await node.push(token, bearer)
        assert (answer.status, answer.body["err"]) == (400, code)
        assert isinstance(answer.body["description"], str)
        assert answer.headers["Content-Type"].startswith("application/json")
    assert (await node.push(provider.security_event(), "")).body["err"] == "authentication_failed"


async def test_keys_that_cannot_be_had_are_nobody_s_fault(node: IdentityNode, provider: ServedProvider) -> None:
    provider.is_down = True
    answers = [
        await node.log_in(provider.id_token()),
        await node.log_out(provider.logout_token()),
        await node.push(provider.security_event()),
    ]
    assert [answer.status for answer in answers] == [503] * 3
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    provider.is_down = False

    token = provider.logout_token()

    async def is_back() -> bool:
        return (await node.log_out(token)).status == 200

    await eventually(is_back)
    assert (await node.log_in(provider.id_token())).status == 200


async def test_a_provider_that_hangs_holds_up_nobody_else(node: IdentityNode, provider: ServedProvider) -> None:
    provider.hold()
    waiting = [asyncio.create_task(node.log_in(provider.id_token(), device)) for device in DEVICES[:5]]
    await provider.asked.wait()
    wrong = {
        "email": "ann@example.com",
        "password": "wrong horse battery",
        "device": {"id": DEVICES[9]},
        "mode": "token",
    }
    assert (await node.request("POST", "/v1/login", json=wrong)).status == 401
    assert not any(task.done() for task in waiting)
    provider.release()
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}
    assert provider.fetches == 1


async def test_rotation_of_the_provider_s_keys(storage_config: StorageConfig, provider: ServedProvider) -> None:
    """Keys of a provider that has rotated long ago are taken from its document, whichever signed."""
    old = provider.rotate()
    async with serve_node(storage_config, provider) as node:
        assert (await node.log_in(provider.sign(provider.id_claims(), key=old))).status == 200
        assert (await node.log_in(provider.id_token())).status == 200
        assert (await node.log_out(provider.sign(provider.logout_claims(), key=old, typ="logout+jwt"))).status == 200
    assert provider.fetches == 1


async def test_a_restart_forgets_no_token(storage_config: StorageConfig, provider: ServedProvider) -> None:
    logout_token, event = provider.logout_token(), provider.security_event()
    async with serve_node(storage_config, provider) as node:
        assert (await node.log_out(logout_token)).status == 200
        assert (await node.push(event)).status == 202
    async with serve_node(storage_config, provider) as node:
        tokens = await node.tokens()
        assert (await node.log_out(logout_token)).status == 400
        assert (await node.push(event)).status == 202
        assert (await node.refresh(tokens)).status == 200


async def test_a_provider_without_a_transmitter_sends_no_events(
    storage_config: StorageConfig, provider: ServedProvider
) -> None:
    config = replace(provider.config(), events=EventTransmitterConfig(audiences=(EVENT_AUDIENCE,)))
    async with serve_node(storage_config, provider, config) as node:
        answer = await node.push(provider.security_event(), "")
        assert (answer.status, answer.body["err"]) == (400, "authentication_failed")


@pytest.mark.parametrize(
    "options",
    [
        {"data": {}},
        {"data": {"logout_token": ""}},
        {"json": {"logout_token": "x"}},
        {"data": b"logout_token=%00"},
        {"data": {"logout_token": "x" * 20_000}},
    ],
)
async def test_logout_requests_that_are_none(node: IdentityNode, options: dict[str, Any]) -> None:
    answer = await node.request("POST", "/v1/backchannel-logout", **options)
    assert answer.status in {400, 413, 415}
