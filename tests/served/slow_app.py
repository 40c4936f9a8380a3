"""The app with a research page whose making keeps its process busy for three seconds."""

from __future__ import annotations

import sys
import time
from typing import Any

import workbench_apps.research as research
from workbench_apps.__main__ import main

SECONDS = 3.0


class SlowPage(research.ResearchPage):
    """Works as hard as a page that imports and computes."""

    def template(self) -> Any:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            sum(range(1000))
        return super().template()


if __name__ == "__main__":
    research.ResearchPage = SlowPage  # type: ignore[misc]
    sys.exit(main())
