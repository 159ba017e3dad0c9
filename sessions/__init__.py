"""The user's side: who a user is on which device, and what all its devices share.

Nouns
    session         one login on one device (`sid`); outlives its connections.
    device          an installation of a frontend (`did`).
    revocation      a session's end, reaching every connection of it on every node.
    state document  a named JSON document that a user's devices share.

Stands on `hub`, and is stood on by `services` and `api`. It enters with the sessions issue.
"""
