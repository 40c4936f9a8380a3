"""Promotion: the stage machine, gates judged on stored evidence, and the board that moves strategies."""

from workbench.promotion.board import Board, Guard, version_of
from workbench.promotion.stages import LADDER, check_demotion, check_promotion

__all__ = ["LADDER", "Board", "Guard", "check_demotion", "check_promotion", "version_of"]
