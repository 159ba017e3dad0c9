"""`client`: who may connect, how connections are kept alive, and what they may use up."""

from __future__ import annotations

from pydantic import Field

from settings.section import NO_SECRET, Count, Duration, PositiveCount, PublicKey, Regex, Secret, Section, Words


class TokenSettings(Section):
    """Keys and claims that make a token ours. All keys given are active at once."""

    hmac_secret_key: Secret = Field(NO_SECRET, description="Key of HS256, HS384 and HS512 tokens; 32 bytes or more.")
    hmac_previous_secret_key: Secret = Field(NO_SECRET, description="Key accepted beside it while keys are rotated.")
    hmac_previous_secret_key_valid_until: Count = Field(
        0, description="Unix time in seconds at which the previous key ends; 0 never ends it."
    )
    rsa_public_key: PublicKey = Field("", description="Public key of RS256, RS384 and RS512 tokens.")
    ecdsa_public_key: PublicKey = Field("", description="Public key of ES256, ES384 and ES512 tokens.")
    eddsa_public_key: PublicKey = Field("", description="Public key (Ed25519) of EdDSA tokens.")
    jwks_public_endpoint: str = Field("", description="URL of a JWKS document with more public keys.")
    jwks_refresh_interval: Duration = Field(3600.0, description="How old that document may get.")
    audience: str = Field("", description="The `aud` claim that tokens must have.")
    audience_regex: Regex = Field("", description="The same as a pattern.")
    issuer: str = Field("", description="The `iss` claim that tokens must have.")
    issuer_regex: Regex = Field("", description="The same as a pattern.")
    user_id_claim: str = Field("", description='Claim that holds the user\'s id; "" is `sub`.')
    leeway: Duration = Field(0.0, description="How far the clocks of issuer and server may differ.")
    cache_size: Count = Field(10_000, description="Verified tokens remembered until they expire.")


class SubscriptionTokenSettings(TokenSettings):
    """Keys of subscription tokens, where they differ from those of connection tokens."""

    enabled: bool = Field(False, description="Verify subscription tokens with these keys, not with client.token's.")


class PersonalChannelSettings(Section):
    enabled: bool = Field(False, description="Subscribe every connection with a user to the user's own channel.")
    personal_channel_namespace: str = Field("", description="Namespace of that channel: `<namespace>:#<user>`.")
    single_connection: bool = Field(
        False, description="Close a user's other connections when a new one comes. Needs presence in that namespace."
    )


class ClientSettings(Section):
    allowed_origins: Words = Field(
        (), description="Origins of pages that may connect, `*` as wildcard; without any, only programs may."
    )
    token: TokenSettings = Field(TokenSettings(), description="Connection tokens, and subscription tokens by default.")
    subscription_token: SubscriptionTokenSettings = Field(
        SubscriptionTokenSettings(), description="Subscription tokens, where they have keys of their own."
    )
    insecure: bool = Field(False, description="Ask nobody for a token and allow everything. Never in production.")
    allow_anonymous_connect_without_token: bool = Field(
        False, description="Accept connections without a token, as connections without a user."
    )
    disallow_anonymous_connection_tokens: bool = Field(False, description="Refuse tokens that name no user.")
    user_id_http_header: str = Field(
        "", description="Header with the user's id, set by a proxy that lets no client set it; then no token is needed."
    )
    subscribe_to_user_personal_channel: PersonalChannelSettings = Field(
        PersonalChannelSettings(), description="A channel for each user."
    )
    connect_include_server_time: bool = Field(False, description="Tell clients the server's time when they connect.")
    ping_interval: Duration = Field(25.0, description="How often each connection is pinged; 0s for never.")
    pong_timeout: Duration = Field(8.0, description="How long a connection has to answer; less than ping_interval.")
    presence_update_interval: Duration = Field(27.0, description="How often presence of a connection is renewed.")
    presence_ttl: Duration = Field(60.0, description="How long presence lasts when it is not renewed.")
    stale_close_delay: Duration = Field(10.0, description="How long a connection has to send `connect`.")
    expired_close_delay: Duration = Field(25.0, description="How long after its token a connection ends.")
    expired_sub_close_delay: Duration = Field(25.0, description="How long after its token a subscription ends.")
    channel_position_check_delay: Duration = Field(
        5.0, description="How often a positioned subscription is compared with its channel."
    )
    channel_limit: Count = Field(128, description="Subscriptions of one connection; 0 for any number.")
    connection_limit: Count = Field(0, description="Connections of this node; 0 for any number.")
    connection_rate_limit: Count = Field(0, description="New connections per second; 0 for any number.")
    user_connection_limit: Count = Field(0, description="Connections of one user on this node; 0 for any number.")
    queue_max_size: PositiveCount = Field(1 << 20, description="Bytes that may wait for a slow client.")
    history_max_publication_limit: Count = Field(
        300, description="Publications that one history call of a client may return; 0 for any number."
    )
    recovery_max_publication_limit: Count = Field(
        300, description="Publications that a client may recover at once; 0 for any number."
    )
    command_rate_limit: Count = Field(200, description="Commands per second of one connection; 0 for any number.")
    command_rate_burst: Count = Field(400, description="Commands that may come at once within that rate.")
    rpc_timeout: Duration = Field(5.0, description="How long an RPC handler may take.")
