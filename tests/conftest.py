"""Settings for all tests, and their order."""

import os

import pytest
from hypothesis import settings

# The same examples each time, so that a change is red for what it did; HYPOTHESIS_SEARCH=1 looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("search" if os.environ.get("HYPOTHESIS_SEARCH") else "steady")

LONG = (
    "tests/served/", "tests/parity/test_library", "tests/faults/test_kill", "tests/unit/test_wb", "tests/browser/",
    "tests/faults/", "tests/conformance/", "tests/parity/", "tests/security/", "tests/unit/research/", "tests/cli/",
)  # fmt: skip
"""What takes longest, first: a process takes up a whole file at a time, and none is to be left with a long one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; within them the order stays."""
    items.sort(key=lambda item: next((i for i, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG)))
