"""Stage: how far a strategy has come, from research to live."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a strategy stands; `workbench.promotion` holds which may follow which, and on what evidence."""

    RESEARCH = "research"
    BACKTESTED = "backtested"
    WALK_FORWARD = "walk-forward"
    PAPER = "paper"
    LIVE = "live"
    PAUSED = "paused"
    RETIRED = "retired"

    @property
    def trades(self) -> bool:
        """Whether a strategy in this stage may take risk."""
        return self in (Stage.PAPER, Stage.LIVE)
