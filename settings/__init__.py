"""The whole configuration: flags > environment > file > development profile > defaults, checked as one.

Nouns
    Settings        the tree of everything that can be set; Centrifugo v6's names and nesting where it has them.
    Section         one level of that tree (`client`, `client.token`, `channel.namespaces[]`, ...).
    Option          one leaf: key, type, default, environment variable, one sentence.
    Source          where values come from; knows the flag, variable or file behind each of them.
    Rule            what options must satisfy together; a Finding is a rule broken.
    Problem         one complaint: the option's full key, what is wrong, where the value came from; no secrets.
    DevSecrets      generated keys of the development profile, kept in the data directory.
    View            frozen dataclasses that other packages take: `hub_config`, `edge_config`.

Everything that is wrong is reported at once. Nothing is accepted that the program would ignore.
Read by `main` and `cli` only. `settings.problems` and `settings.dev_secrets` import no model, so that commands without
a configuration need none.
"""
