"""Ports: what the core asks of the things plugged into it, and the values that pass through."""

from workbench.ports.broker import (
    BarBroker,
    Broker,
    BrokerCapabilities,
    BrokerHealth,
    BrokerListener,
    BrokerOrder,
    ClosingBroker,
    DepthBroker,
    Execution,
    LastPrice,
    Market,
)
from workbench.ports.data import DataRequest, DataSource, PriceTable
from workbench.ports.drifts import Drift, DriftBook
from workbench.ports.inbox import AlertQueue, Kept, Plan, Receipt, Waiting, Wanted
from workbench.ports.orders import Fence, Guard, OrderRepository, Renewable
from workbench.ports.progress import ProgressCallback, no_progress
from workbench.ports.promotion import Evidence, Figure, Gate, GateAnswer, StageBook, StageEvent, Standing, Version
from workbench.ports.requests import MANUAL, Request, RequestQueue
from workbench.ports.risk import AccountFacts, RiskContext, RiskRule, Verdict
from workbench.ports.runs import Artifact, RunRecord, RunRegistry, SearchLog, Trial
from workbench.ports.sessions import SessionRow, Sessions

__all__ = [
    "MANUAL",
    "Sessions",
    "SessionRow",
    "Waiting",
    "Receipt",
    "Kept",
    "Plan",
    "Wanted",
    "AlertQueue",
    "AccountFacts",
    "Artifact",
    "BarBroker",
    "ClosingBroker",
    "Broker",
    "BrokerCapabilities",
    "BrokerHealth",
    "BrokerListener",
    "BrokerOrder",
    "DataRequest",
    "DataSource",
    "DepthBroker",
    "Drift",
    "DriftBook",
    "Evidence",
    "Execution",
    "Fence",
    "Figure",
    "Gate",
    "GateAnswer",
    "Guard",
    "LastPrice",
    "Market",
    "OrderRepository",
    "PriceTable",
    "ProgressCallback",
    "Renewable",
    "Request",
    "RequestQueue",
    "RiskContext",
    "RiskRule",
    "RunRecord",
    "RunRegistry",
    "SearchLog",
    "StageBook",
    "StageEvent",
    "Standing",
    "Trial",
    "Verdict",
    "Version",
    "no_progress",
]
