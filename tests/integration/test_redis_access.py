"""Being let in at Redis: certificates on both sides, an ACL user with no more rights than the engine needs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from msgspec import Raw

from hub.clock import SystemClock
from hub.engine import HistoryQuery, NodeInfo, PublishOptions
from hub.engines.redis.config import TlsConfig
from hub.engines.redis.engine import open_redis_engine
from hub.errors import EngineUnavailable
from hub.protocol.messages import ClientInfo, Publication
from tests.support.certificates import Authority, KeyPair
from tests.support.patience import eventually
from tests.support.recording_listener import RecordingListener
from tests.support.redis import RedisServer, redis_server
from tests.support.redis_cluster import redis_cluster
from tests.support.redis_engines import cluster_config, running_engine, sentinel_config, server_config
from tests.support.redis_sentinel import redis_sentinel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.engines.redis.config import RedisConfig

USER: Final = "syncline"
PASSWORD: Final = "correct-horse"
ADMIN_PASSWORD: Final = "admin"
PREFIX: Final = "team-a"

RIGHTS: Final = (
    "-@all +ping +info +role +script|load +evalsha +publish +spublish +subscribe +unsubscribe +ssubscribe +sunsubscribe"
    " +time +get +set +del +pexpire +pttl +hset +hget +hmget +hgetall +hdel +hincrby +hlen"
    " +zadd +zrem +zcard +zrangebyscore +xadd +xrange +xrevrange +xtrim"
)
"""What docs/operations/redis.md says a node needs of a server alone."""

RIGHTS_IN_CLUSTER: Final = f"{RIGHTS} +cluster|slots +cluster|nodes"


class Guarded(NamedTuple):
    """A server, and what lets us in."""

    server: RedisServer
    authority: Authority
    own: KeyPair

    def config(self, **changes: Any) -> RedisConfig:
        return self.let_in(server_config(self.server, PREFIX), **changes)

    def let_in(self, config: RedisConfig, **changes: Any) -> RedisConfig:
        tls = TlsConfig(
            ca_pem=str(self.authority.cert),
            cert_pem=str(self.own.cert),
            key_pem=str(self.own.key),
            server_name="redis.example",
        )
        known: dict[str, Any] = {"user": USER, "password": PASSWORD, "tls": tls}
        return replace(config, **(known | changes))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> KeyPair:
    return authority.issue("node.example")


@pytest.fixture(scope="module")
def guarded(authority: Authority, own: KeyPair) -> Iterator[Guarded]:
    with redis_server(settings=_guard(authority, RIGHTS), password=ADMIN_PASSWORD) as server:
        yield Guarded(server, authority, own)


def _guard(authority: Authority, rights: str) -> dict[str, str]:
    """TLS alone, both sides show a certificate, and one user beside the admin."""
    theirs = authority.issue("redis.example")
    acl = authority.cert.with_name(f"{len(rights)}.acl")
    admin = f"user default on >{ADMIN_PASSWORD} ~* &* +@all"
    acl.write_text(f"{admin}\nuser {USER} on >{PASSWORD} resetkeys resetchannels ~{PREFIX}.* &{PREFIX}.* {rights}\n")
    return {
        "tls-cert-file": str(theirs.cert),
        "tls-key-file": str(theirs.key),
        "tls-ca-cert-file": str(authority.cert),
        "tls-auth-clients": "yes",
        "aclfile": str(acl),
    }


async def test_everything_works_through_tls_with_the_rights_that_are_documented(guarded: Guarded) -> None:
    listener = RecordingListener()
    async with running_engine(guarded.config(), listener) as engine:
        await engine.subscribe("news")
        logged = PublishOptions(history_size=10, history_ttl_s=60, idempotency_key="once", version=1)
        await engine.publish("news", Publication(data=Raw(b"{}")), logged)
        await engine.publish("news", Publication(data=Raw(b"{}")), PublishOptions())
        await engine.add_presence("news", "client-1", ClientInfo(user="ann", client="client-1"), 60)
        await engine.publish_join("news", ClientInfo(user="ann", client="client-1"))
        assert (await engine.presence_stats("news")).num_users == 1
        assert list(await engine.presence("news")) == ["client-1"]
        await engine.remove_presence("news", "client-1", "ann")
        assert (await engine.history("news", HistoryQuery(limit=-1))).position.offset == 1
        await engine.remove_history("news")
        await engine.announce(NodeInfo(uid="node-a", name="a"))
        assert [node.uid for node in await engine.nodes()] == ["node-a"]
        await engine.control(b"to all")
        await engine.control(b"to one", "node-a")
        await engine.unsubscribe("news")
        await listener.until(lambda heard: len(heard.control_messages) == 2)
        assert len(listener.publications) == 2
        assert engine.measures().get("redis_error", 0) == 0


async def test_pem_may_be_given_as_text(guarded: Guarded) -> None:
    tls = guarded.config().tls
    assert tls is not None
    ca_pem, cert_pem, key_pem = map(_text, (tls.ca_pem, tls.cert_pem, tls.key_pem))
    text = replace(tls, ca_pem=ca_pem, cert_pem=cert_pem, key_pem=key_pem)
    async with running_engine(guarded.config(tls=text)):
        pass


def test_the_rights_that_are_documented_are_these() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "operations", "redis.md").read_text()
    rule = page[page.index("user syncline on") :].partition("```")[0]
    assert rule.split()[4:] == ["resetkeys", "resetchannels", f"~{PREFIX}.*", f"&{PREFIX}.*", *RIGHTS.split()]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"password": "wrong"}, "WRONGPASS"),
        ({"user": "nobody"}, "WRONGPASS"),
        ({"user": "", "password": ""}, "NOAUTH"),
        ({"tls": None}, "127.0.0.1"),
    ],
)
async def test_who_is_not_let_in_is_told_why(guarded: Guarded, changes: dict[str, Any], why: str) -> None:
    await _refused(guarded.config(**changes), why)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"server_name": "other.example"}, "other.example"),
        ({"server_name": ""}, "IP address mismatch"),
        ({"cert_pem": "", "key_pem": ""}, "127.0.0.1"),
        ({"ca_pem": ""}, "certificate verify failed"),
    ],
)
async def test_a_server_that_cannot_be_trusted_is_not_spoken_to(
    guarded: Guarded, changes: dict[str, Any], why: str
) -> None:
    tls = guarded.config().tls
    assert tls is not None
    await _refused(guarded.config(tls=replace(tls, **changes)), why)


async def test_trusting_anybody_has_to_be_asked_for(guarded: Guarded) -> None:
    tls = guarded.config().tls
    assert tls is not None
    careless = replace(tls, ca_pem="", server_name="", insecure_skip_verify=True)
    async with running_engine(guarded.config(tls=careless)):
        pass


async def test_another_team_s_keys_are_out_of_reach(guarded: Guarded) -> None:
    async with running_engine(guarded.config()) as engine:
        await engine.publish("news", Publication(data=Raw(b"{}")), PublishOptions())
    async with open_redis_engine(guarded.config(prefix="team-b"), SystemClock(), node_uid="node-b") as engine:
        engine.bind(RecordingListener())
        running = asyncio.create_task(engine.run())
        await eventually(lambda: engine.measures().get("redis_subscribe_refused", 0) > 0)
        with pytest.raises(EngineUnavailable, match="NOPERM"):
            await engine.announce(NodeInfo(uid="node-b", name="b"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_cluster_is_reached_through_tls_at_every_primary(authority: Authority, own: KeyPair) -> None:
    settings = {**_guard(authority, RIGHTS_IN_CLUSTER), "tls-cluster": "yes"}
    with redis_cluster(settings=settings, password=ADMIN_PASSWORD) as cluster:
        guarded = Guarded(cluster.masters[0], authority, own)
        await _hears_itself(guarded.let_in(cluster_config(cluster, PREFIX)))


async def test_sentinels_and_servers_have_passwords_of_their_own() -> None:
    with redis_sentinel(password="for-servers", sentinel_password="for-sentinels") as group:
        config = replace(sentinel_config(group), password="for-servers")
        await _refused(config, "Authentication required")
        sentinel = config.sentinel
        assert sentinel is not None
        await _hears_itself(replace(config, sentinel=replace(sentinel, password="for-sentinels")))


async def _hears_itself(config: RedisConfig) -> None:
    """On enough channels that every primary of a cluster has some."""
    listener = RecordingListener()
    channels = [str(number) for number in range(20)]
    async with running_engine(config, listener) as engine:
        for channel in channels:
            await engine.subscribe(channel)
            await engine.publish(channel, Publication(data=Raw(b"{}")), PublishOptions())
        await listener.until(lambda heard: len(heard.publications) == len(channels))


def _text(file: str) -> str:
    return Path(file).read_text()


async def _refused(config: RedisConfig, why: str) -> None:
    with pytest.raises(EngineUnavailable, match=why):
        async with open_redis_engine(config, SystemClock(), node_uid="node-a"):
            pass
