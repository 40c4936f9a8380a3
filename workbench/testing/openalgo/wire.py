"""The order in which the server looks at a body: schema, key, queue, session, then the endpoint's work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.testing.openalgo.accounts import ACCOUNTS
from workbench.testing.openalgo.answers import INVALID_KEY, Answer, Body, error
from workbench.testing.openalgo.exchange import Exchange
from workbench.testing.openalgo.market import MARKET
from workbench.testing.openalgo.orders import BLOCKED, ORDERS, QUEUED, queue
from workbench.testing.openalgo.schemas import REFUSES_IN_TEXT, SCHEMAS, SchemaError, load

WORK: dict[str, Callable[[Exchange, Body], Answer]] = ORDERS | ACCOUNTS | MARKET


def answer(exchange: Exchange, api_key: str, endpoint: str, body: Any) -> Answer:
    """What the server says to a body at an endpoint: one answer, whatever comes."""
    try:
        read = load(SCHEMAS[endpoint], body)
    except SchemaError as refused:
        if endpoint not in REFUSES_IN_TEXT:
            return error(400, refused.errors)
        # placeorder and the analyzer do not say the mode here; the other order endpoints do.
        says_mode = exchange.analyze and endpoint not in ("placeorder", "analyzer", "analyzer/toggle")
        return error(400, str(refused.errors), **({"mode": "analyze"} if says_mode else {}))
    if read.pop("apikey") != api_key:
        return INVALID_KEY
    with exchange.lock:
        if exchange.semi_auto:
            if endpoint in QUEUED:
                # Before the session is looked at: an order queues even when the broker's session is gone.
                return queue(exchange, endpoint, read)
            if endpoint == "analyzer/toggle" or (endpoint in BLOCKED and not exchange.analyze):
                return error(403, f"Operation {endpoint} is not allowed in Semi-Auto mode.")
        if exchange.session_expired and endpoint not in ("search", "expiry"):
            return INVALID_KEY
        answered = WORK[endpoint](exchange, read)
        if exchange.analyze and endpoint in ORDERS:
            return Answer(answered.code, answered.body | {"mode": "analyze"})
        return answered
