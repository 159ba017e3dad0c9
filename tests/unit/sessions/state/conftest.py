"""Property tests here run without a deadline per example, as those of the hub do.

HYPOTHESIS_PROFILE=thorough lets every property test run thirty times as many examples.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("usual", deadline=None)
settings.register_profile("thorough", settings.get_profile("usual"), max_examples=3_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))
