"""The user's side: who a user is on which device, and what all its devices share.

Nouns
    LoginSessions     the operations on log-ins: opened, refreshed, listed, renamed, ended.
    session           one login on one device (`sid`); outlives its connections.
    device            an installation of a frontend (`did`).
    AccessTokens      JWTs that live for minutes; SigningKeys are what they are signed with.
    RefreshTokenMint  what refresh tokens are made of; Rotation decides what becomes of one that is presented.
    Revocations       what this node knows to have ended; RevocationFeed keeps that in step with the database.
    SessionAuthority  what the hub asks and tells about the sessions of its connections.
    Refusal           how sessions and services say no.
    Audit             who did what to whom.
    state             named JSON documents that a user's devices share (`sessions.state`).

Stands on `hub` and `storage`, and is stood on by `services` and `api`.
"""
