"""Risk: may this be traded, and how much of it."""

from workbench.risk.chain import RESEARCH, Decision, RiskChain

__all__ = ["RESEARCH", "Decision", "RiskChain"]
