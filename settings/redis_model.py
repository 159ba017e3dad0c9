"""How a Redis is reached: the same options wherever one is used (`engine.redis`, consumers)."""

from __future__ import annotations

from pydantic import Field

from settings.section import NO_SECRET, Count, Duration, PublicKey, Secret, Secrets, Section, Words


class RedisTlsSettings(Section):
    enabled: bool = Field(False, description="Speak TLS.")
    server_ca_pem: PublicKey = Field(
        "", description="The authorities to believe, or a file of them; the system's when empty."
    )
    cert_pem: PublicKey = Field(
        "", description="This node's certificate, or the file that holds it, where the server asks for one."
    )
    key_pem: Secret = Field(NO_SECRET, description="Its key, or the file that holds it.")
    server_name: str = Field(
        "", description="Name that the server's certificate must be for; the host of its address when empty."
    )
    insecure_skip_verify: bool = Field(False, description="Believe any certificate.")


class RedisSettings(Section):
    """Centrifugo v6's names. Several of `address` would be shards, which there are none of: a cluster does that.

    An address may hold a password, so it is a secret.
    """

    address: Secrets = Field(
        (),
        description="The server: `host:port`, or `redis://user:password@host:port/db`; `rediss://` speaks TLS. "
        "`127.0.0.1:6379` when empty.",
    )
    cluster_address: Words = Field(
        (), description="Instead: some servers of a Redis Cluster, `host:port` each; the others are found."
    )
    sentinel_address: Words = Field((), description="Instead: Sentinels to ask for the primary, `host:port` each.")
    sentinel_master_name: str = Field("", description="What the Sentinels call it.")
    sentinel_user: str = Field("", description="ACL user at the Sentinels.")
    sentinel_password: Secret = Field(NO_SECRET, description="Password at the Sentinels.")
    sentinel_tls: RedisTlsSettings = Field(RedisTlsSettings(), description="TLS to the Sentinels.")
    user: str = Field("", description="ACL user; the default one when empty.")
    password: Secret = Field(NO_SECRET, description="Password.")
    db: Count = Field(0, description="Number of the database; a cluster has only 0.")
    tls: RedisTlsSettings = Field(RedisTlsSettings(), description="TLS to the servers.")
    prefix: str = Field(
        "syncline",
        description="What every key and pub/sub channel begins with. Nodes that share it are one hub; pub/sub knows no "
        "databases, so hubs on one server need different ones.",
    )
    connect_timeout: Duration = Field(1.0, description="How long opening a connection may take.")
    io_timeout: Duration = Field(
        2.0, description="How long an answer may take; then the call fails and the connection is replaced."
    )
