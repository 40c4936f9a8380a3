"""Risk: may this be traded, and how much of it."""

from workbench.risk.chain import RESEARCH, TRADING, Decision, RiskChain

__all__ = ["RESEARCH", "TRADING", "Decision", "RiskChain"]
