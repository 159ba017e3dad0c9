"""`python -m bench`: every scenario on every subject, run after run, then the tables."""

from __future__ import annotations

import sys

from bench.command_line import main

if __name__ == "__main__":
    sys.exit(main())
