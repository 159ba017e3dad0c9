"""Who may log in, and what they may do.

Nouns
    user            a person's account: folded e-mail address, name, role, status.
    role            CUSTOMER, VENDOR, OPS or ADMIN; what it may do is one table (`permissions`).
    password        kept as Argon2id of its HMAC under a secret that the database never sees (`password_hashing`).
    throttle        how often something may be tried: one number per bucket in the database (`throttle`).
    identity        a user at an identity provider, (issuer, subject), linked to a user here (`identity`).

`service.Accounts` is the door. What follows a log-in (tokens, devices, revocation) belongs to `sessions`.
"""
