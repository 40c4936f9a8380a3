"""One fort with a server, shared by the tests that leave it standing; each uses hooks and addresses of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.fort import INNER, PROXY, Fort

SETTINGS = f'trusted_proxies = ["{PROXY}", "{INNER}"]\nalerts_a_minute = 1000000\n'


@pytest.fixture(scope="session")
def fort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fort]:
    """The fort; its server trusts two proxies and none else."""
    made = Fort(tmp_path_factory.mktemp("security") / "home", settings=SETTINGS).start()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Fort]]:
    """Make forts of one's own, closed afterwards."""
    made: list[Fort] = []

    def make(kinds: Any = None, **more: Any) -> Fort:
        made.append(Fort(tmp_path / f"home{len(made)}", kinds, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
