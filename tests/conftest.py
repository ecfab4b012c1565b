"""How property tests run: by examples, not by the clock, and the same ones at every run of CI."""

import os

from hypothesis import settings

# A busy machine must not fail an example; a test that hangs is pytest-timeout's to end.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")
