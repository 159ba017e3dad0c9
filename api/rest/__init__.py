"""The REST API under `/v1`: docs/sessions.md section 3, and nothing that decides anything itself.

Nouns
    Operation       one route: id, path, who may call it, what it takes and answers. OpenAPI is made from these.
    Call            one request on its way to a handler: body and query decoded, principal and address known.
    Problem         the answer to whatever goes wrong (RFC 9457); made in one place.
    Bearer          turns `Authorization` into a Principal.
    Pages           which web pages may read answers (CORS) and rely on the cookie (CSRF).
    ClientAddresses who is calling, seen through the proxies that are trusted.
    RateLimits      one bucket per address and one per user.

Handlers get a Call and answer with a value or a response; a service's Refusal passes through them.
"""
