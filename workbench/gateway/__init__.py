"""What broker plugins share to talk to a broker: one request sent once, a budget of requests, latency by stage."""

from workbench.gateway.budget import Limit, RateBudget
from workbench.gateway.http import Answer, Http, Lost, Stages
from workbench.gateway.latency import Latency

__all__ = ["Answer", "Http", "Latency", "Limit", "Lost", "RateBudget", "Stages"]
