"""Settings for all tests."""

import os

from hypothesis import settings

# The same examples each time, so that a change is red for what it did; HYPOTHESIS_SEARCH=1 looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("search" if os.environ.get("HYPOTHESIS_SEARCH") else "steady")
