"""The command line: `syncline …`, `python main.py …`.

Nouns
    App             the Typer application; `main` hands it the one command that composes the program, `serve`.
    ServeOptions    what `serve` was told on its command line.
    ConfigChoice    where a command takes its configuration from: file, development secrets, flags.
    Check           one line of `doctor`.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.
Commands import what they need when they run: `version` and `healthcheck` load neither settings nor aiohttp.
"""
