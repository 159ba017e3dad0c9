"""`accounts`, `sessions`, `state`, `rest`, `identity_providers`: users, their devices and what these share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.section import NO_SECRET, Count, Duration, PositiveCount, Secret, Secrets, Section, Words

DAY_S = 86_400.0


class PasswordSettings(Section):
    """Argon2id. Users' hashes are made anew at their next log-in after a change."""

    memory_kib: PositiveCount = Field(19_456, description="Memory of one computation, in KiB.")
    iterations: PositiveCount = Field(2, description="Passes over it.")
    parallelism: PositiveCount = Field(1, description="Lanes of one computation.")
    workers: PositiveCount = Field(2, description="Computations at the same time.")
    max_waiting: Count = Field(32, description="Computations that may wait for their turn; more are answered with 429.")


class AllowanceSettings(Section):
    burst: PositiveCount = Field(10, description="Attempts that may come at once.")
    interval: Duration = Field(180.0, description="Time in which one more is allowed.")


class LoginAddressSettings(AllowanceSettings):
    burst: PositiveCount = Field(50, description="Attempts that may come at once.")
    interval: Duration = Field(36.0, description="Time in which one more is allowed.")


class RegisterAddressSettings(AllowanceSettings):
    burst: PositiveCount = Field(20, description="Attempts that may come at once.")


class PasswordChangeSettings(AllowanceSettings):
    burst: PositiveCount = Field(5, description="Attempts that may come at once.")


class ThrottleSettings(Section):
    """How often something may fail; what succeeds does not count. An address is an IPv4 /24 or an IPv6 /64."""

    login_account: AllowanceSettings = Field(
        AllowanceSettings(), description="Log-ins to one account from devices that are not known there."
    )
    login_device: AllowanceSettings = Field(
        AllowanceSettings(), description="Log-ins to one account from one device that is known there."
    )
    login_address: LoginAddressSettings = Field(
        LoginAddressSettings(), description="Log-ins from one network from unknown devices."
    )
    register_address: RegisterAddressSettings = Field(
        RegisterAddressSettings(), description="Registrations from one network; these count when they succeed too."
    )
    password_change: PasswordChangeSettings = Field(
        PasswordChangeSettings(), description="Wrong current passwords of one user."
    )
    sweep_interval: Duration = Field(60.0, description="How often what has run out is removed.")


class AccountsSettings(Section):
    enabled: bool = Field(False, description="Serve accounts, sessions and shared state under `/v1`.")
    secret_key: Secret = Field(
        NO_SECRET,
        description="Seals signing keys and peppers passwords; 32 bytes or more, the same on all nodes. Keep a copy: "
        "without it every password is lost, and no server starts on the database.",
    )
    previous_secret_key: Secret = Field(
        NO_SECRET, description="What it was before: passwords made under it stay good while their users log in again."
    )
    registration_enabled: bool = Field(True, description="Let anybody make an account of their own.")
    issuer: str = Field("syncline", description="`iss` of access tokens.")
    audience: str = Field("syncline", description="`aud` of access tokens.")
    algorithm: Literal["EdDSA", "RS256"] = Field("EdDSA", description="How access tokens are signed.")
    access_token_ttl: Duration = Field(300.0, description="How long an access token is valid.")
    token_leeway: Duration = Field(5.0, description="How far the clocks of nodes may be apart.")
    token_cache_size: Count = Field(10_000, description="Verified access tokens remembered until they expire.")
    key_propagation: Duration = Field(600.0, description="How long a new signing key is published before it signs.")
    key_reload_interval: Duration = Field(60.0, description="How often signing keys are read again.")
    refresh_idle_ttl: Duration = Field(7 * DAY_S, description="A session that is not refreshed for so long ends.")
    refresh_absolute_ttl: Duration = Field(30 * DAY_S, description="A session of this age ends, however much used.")
    refresh_grace: Duration = Field(
        10.0, description="How long a used refresh token gives its successor again; after that it is taken for stolen."
    )
    password: PasswordSettings = Field(PasswordSettings(), description="How passwords are hashed.")
    throttle: ThrottleSettings = Field(ThrottleSettings(), description="Guessing.")
    failed_attempt_retention: Duration = Field(
        90 * DAY_S, description="How long the audit trail keeps failed log-ins and the like; the rest for good."
    )


class SessionsSettings(Section):
    max_per_user: Count = Field(100, description="Live sessions of one user; 0 for any number.")
    limit_policy: Literal["end_oldest", "refuse"] = Field(
        "end_oldest", description="What one more log-in does: end the oldest session, or be refused."
    )
    device_offline_grace: Duration = Field(
        10.0, description="How long a device may be without connection before the others are told."
    )
    last_seen_interval: Duration = Field(60.0, description="How often at most `last_seen` of a session is written.")
    ended_retention: Duration = Field(30 * DAY_S, description="How long an ended session stays in the database.")
    revocation_poll_interval: Duration = Field(
        1.0, description="How late a revocation may be on a node that its message has not reached."
    )
    sweep_interval: Duration = Field(30.0, description="How often expired sessions are looked for.")


class StateSettings(Section):
    max_document_size: PositiveCount = Field(65_536, description="Largest document, in bytes.")
    max_depth: PositiveCount = Field(32, description="Deepest nesting of a document or a patch.")
    max_documents: PositiveCount = Field(100, description="Documents of one user.")
    max_user_size: PositiveCount = Field(1 << 20, description="Bytes of all documents of one user.")
    max_patch_operations: PositiveCount = Field(256, description="Operations of one JSON Patch.")
    mutation_memory: Duration = Field(
        DAY_S, description="How long mutation ids, and the change log, are kept at least."
    )
    changes_kept: Count = Field(100, description="Changes of each document that are kept however old they are.")
    log_quota: PositiveCount = Field(
        16 << 20, description="Bytes of patches in the change log of one user; beyond it the oldest are dropped."
    )
    tombstone_ttl: Duration = Field(30 * DAY_S, description="How long the version of a removed document is kept.")
    mutation_rate_limit: Count = Field(
        50, description="Writes per second of one user on one node, REST and RPC together. 0 is no limit."
    )
    mutation_rate_burst: Count = Field(200, description="Writes of one user that may come at once.")
    max_waiting: PositiveCount = Field(10_000, description="Writes that may wait; more are answered with 503.")
    max_group: PositiveCount = Field(500, description="Writes that are committed together at most.")


class RestSettings(Section):
    """Of one node. A rate of 0 is no limit."""

    address_rate_limit: Count = Field(50, description="Requests to `/v1` per second from one address.")
    address_rate_burst: Count = Field(200, description="Requests of one address that may come at once.")
    user_rate_limit: Count = Field(20, description="Requests to `/v1` per second of one user.")
    user_rate_burst: Count = Field(100, description="Requests of one user that may come at once.")


class EventsSettings(Section):
    """Who may push security events about the provider's users. None of it: no events are taken."""

    bearer_tokens: Secrets = Field(
        (), description="What the transmitter authenticates with; two while one is replaced."
    )
    issuer: str = Field("", description="`iss` of its events; that of the provider when empty.")
    jwks_url: str = Field("", description="Where its keys are; the provider's when empty.")
    audiences: Words = Field((), description="What we are called in `aud`; the client ids when empty.")


class IdentityProviderSettings(Section):
    name: str = Field("", description="What it is called in logs.")
    issuer: str = Field("", description="`iss` of its tokens.")
    jwks_url: str = Field("", description="Where its keys are.")
    client_ids: Words = Field((), description="What this platform's frontends are called there.")
    algorithms: Words = Field(("RS256", "ES256", "EdDSA"), description="Signatures that are accepted.")
    jwks_refresh_interval: Duration = Field(3600.0, description="How old its keys may get.")
    leeway: Duration = Field(30.0, description="How far its clock may be from ours.")
    links_by_email: bool = Field(
        False,
        description="A verified e-mail address opens the account that has it. Only for a provider trusted so far.",
    )
    creates_users: bool = Field(True, description="Somebody unknown gets an account at the first log-in.")
    requires_logout_type: bool = Field(False, description="Logout tokens have to say `typ` `logout+jwt`.")
    events: EventsSettings = Field(EventsSettings(), description="Security events (Shared Signals).")
