"""TradersPost: the form nearest to a standard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.errors import BadInput
from workbench.signals import Alert, json_object, make_alert, said

_QUANTITIES = {
    "fixed_quantity": "", "dollar_amount": "value", "percent_of_equity": "percent", "risk_percent": "risk",
}  # fmt: skip
_NOT_HERE = {
    "cancel": "cancels orders, which alerts cannot do here; workbench cancel does",
    "add": "adds to a position; a strategy holds one position at a time here",
}
MESSAGE = {
    "ticker": "{{ticker}}",
    "action": "{{strategy.order.action}}",
    "sentiment": "{{strategy.market_position}}",
    "quantity": "{{strategy.order.contracts}}",
    "signalPrice": "{{close}}",
    "time": "{{timenow}}",
}


class TradersPost:
    """Reads ticker, action, sentiment, quantity (by quantityType), stopLoss and takeProfit in percent."""

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """The one alert in a message."""
        fields = json_object(text)
        action = said(fields, "action", must=True)
        if action.casefold() in _NOT_HERE:
            raise BadInput("alert action", action, _NOT_HERE[action.casefold()])
        option = next((name for name in fields if name.lower().startswith("option")), "")
        if option:
            raise BadInput(f"alert {option}", str(fields[option])[:50], "asks for options, not carried out here yet")
        kind = said(fields, "orderType")
        if kind.casefold() not in ("", "market"):
            raise BadInput("alert orderType", kind, "is not carried out from alerts", "send market")
        for name in ("limitPrice", "stopPrice", "trailPrice", "trailPercent"):
            if said(fields, name):
                raise BadInput(f"alert {name}", said(fields, name), "is not carried out from alerts", "leave it out")
        rule = said(fields, "quantityType") or "fixed_quantity"
        if rule.casefold() not in _QUANTITIES:
            raise BadInput("alert quantityType", rule, f"is none of {', '.join(sorted(_QUANTITIES))}")
        quantity, size = said(fields, "quantity", "qty"), ""
        sentiment, stamp = said(fields, "sentiment", "market_position"), said(fields, "time", "timestamp")
        if quantity and action.casefold() in ("exit", "close") and sentiment.casefold() != "flat":
            raise BadInput("alert quantity", quantity, "parts of exits are not carried out", "leave it out")
        if quantity and _QUANTITIES[rule.casefold()]:
            quantity, size = "", f"{_QUANTITIES[rule.casefold()]}:{quantity}"
        found = {
            "ticker": said(fields, "ticker", "symbol", must=True), "action": action, "quantity": quantity, "size": size,
            "position": sentiment, "price": said(fields, "signalPrice", "price"),
            "stop": _percent(fields, "stopLoss"), "target": _percent(fields, "takeProfit"),
            "time": stamp, "fired_at": stamp, "alert_id": said(fields, "signalId", "alert_id", "id"),
            "strategy": said(fields, "strategy") if isinstance(fields.get("strategy"), str) else "",
        }  # fmt: skip
        return [make_alert(found)]

    def paste(self) -> Mapping[str, str]:
        """The message of an alert."""
        return MESSAGE

    def sample(self, ticker: str, price: str) -> str:
        """A buy."""
        return json.dumps({"ticker": ticker, "action": "buy", "sentiment": "bullish", "signalPrice": price})


def _percent(fields: Mapping[str, Any], name: str) -> str:
    """The percent of a stop or target; a level or an amount is refused, since what it is measured from may differ."""
    given = fields.get(name)
    if given is None:
        return ""
    if not isinstance(given, Mapping):
        raise BadInput(f"alert {name}", type(given).__name__, "must be an object", f'as in "{name}": {{"percent": 2}}')
    kind = said(given, "type").casefold()
    if kind not in ("", "stop"):
        raise BadInput(f"alert {name} type", kind, "is not carried out from alerts", "leave it out, or send stop")
    other = sorted(key for key in given if key not in ("type", "percent") and given[key] not in (None, ""))
    if other:
        raise BadInput(f"alert {name}", ", ".join(other), "is not carried out", "send percent")
    return said(given, "percent")
