"""The platform's services: accounts, payments, administration. Each is a package with rules and a store.

Stands on `sessions` and `storage`; its routes live in `api`. It enters with the issues of the services.
"""
