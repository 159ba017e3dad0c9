"""Which identity providers are believed, about what, and how far.

Frozen values that `settings` fills (`identity_providers[]`). Durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTransmitterConfig:
    """Who may push security events (Shared Signals) about a provider's users.

    Attributes:
        bearer_tokens: what the transmitter may authenticate with; two while one is being replaced. None: no events.
        issuer: `iss` of its events; "" for the provider's.
        jwks_url: where its keys are; "" for the provider's.
        audiences: what we are called in `aud`; none for the provider's client ids.
    """

    bearer_tokens: tuple[str, ...] = field(default=(), repr=False)
    issuer: str = ""
    jwks_url: str = ""
    audiences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProviderConfig:
    """One OpenID provider.

    Attributes:
        name: for logs and counters.
        issuer: `iss`, compared letter by letter.
        client_ids: what this platform's frontends are called there; `aud` of an ID or logout token names one of them.
        algorithms: of signatures; asymmetric ones only.
        leeway_s: how far its clock may be from ours.
        links_by_email: a verified e-mail address of the provider opens the account that has it here. Only for a
            provider that may speak for every address it calls verified.
        creates_users: somebody unknown gets an account at the first log-in.
        requires_logout_type: a logout token has to say `typ` `logout+jwt`. Older providers leave it away.
    """

    name: str
    issuer: str
    jwks_url: str
    client_ids: tuple[str, ...]
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    jwks_refresh_interval_s: float = 3600
    leeway_s: float = 30
    links_by_email: bool = False
    creates_users: bool = True
    requires_logout_type: bool = False
    events: EventTransmitterConfig = field(default_factory=EventTransmitterConfig)
