"""Who a client says it is, and why we believe it: connection and subscription tokens (docs/protocol.md section 6).

A *token* is a JWT that the application's backend signed. Its *claims* (`claims`) are what the hub acts on: who the user
is, for how long, which channels it is subscribed to from the server's side. `verifier` turns one into the other, in
this order: the *compact* form (`compact`) is taken apart; a *key* is picked by the algorithm in the header among those
configured (`keys`), or by the header's `kid` in a published *key set* (`jwks` fetches it, `key_set` reads the
document); the signature is checked over the bytes that were received; only then is the payload read as a *claim set*
(`claim_set`), and last come audience, issuer and time (`policy`).

Which algorithms are accepted follows from the keys we hold, never from the token: every key is prepared for one
algorithm, and a header can only choose among those. Nothing in a token ever makes us read a file or open a connection
that the configuration does not name.

A verified token is remembered (`cache`) until it expires or its key stops being trusted, so that a reconnect storm
costs a dictionary lookup per client. `signing` makes development tokens.
"""
