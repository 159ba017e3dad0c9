"""Identity providers: who they say somebody is, and when they say that it is over.

Nouns
    IdentityProviders   the providers of the configuration, with their published keys.
    ID token            who somebody is (OpenID Connect Core 1.0): `id_token`.
    logout token        somebody has logged out over there (OpenID Back-Channel Logout 1.0): `backchannel_logout`.
    security event      a session or a credential has ended over there (RFC 8417, RFC 8935, OpenID CAEP 1.0):
                        `security_events`, and whom it is about: `subjects`.

The three are signed with the same keys, so each reader refuses the other two kinds by what they are: `typ`, `events`,
`nonce`, `exp` (docs/adr/0029-identity-providers.md).
"""
