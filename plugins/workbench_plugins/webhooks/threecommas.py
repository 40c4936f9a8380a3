"""3Commas: the messages of its signal bots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.errors import BadInput
from workbench.signals import Alert, amount, json_object, make_alert, one_of, said

_ACTIONS = {"enter_long": "buy", "enter_short": "short", "exit_long": "exit_long", "exit_short": "exit_short"}
_SIZES = {"base": "shares", "quote": "value", "margin_percent": "percent", "position_percent": "position"}
MESSAGE: dict[str, Any] = {
    "max_lag": "300",
    "timestamp": "{{timenow}}",
    "trigger_price": "{{close}}",
    "tv_exchange": "{{exchange}}",
    "tv_instrument": "{{ticker}}",
    "action": "enter_long",
    "order": {"amount": "10", "currency_type": "base"},
}


class ThreeCommas:
    """Reads enter and exit of a side, `max_lag`, and an order's amount in base, quote or percent.

    Of a strategy's alert (buy or sell, with `strategy_info`) the position afterwards decides.
    """

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """The one alert in a message."""
        fields = json_object(text)
        info = fields.get("strategy_info")
        position = said(info, "market_position", must=True) if isinstance(info, Mapping) else ""
        word = said(fields, "action", must=True)
        action = one_of("action", word, {"buy": "buy", "sell": "sell"} if position else _ACTIONS)
        exchange, name = said(fields, "tv_exchange"), said(fields, "tv_instrument", "ticker", must=True)
        stamp = said(fields, "timestamp")
        made = make_alert({
            "ticker": f"{exchange}:{name}" if exchange and name and ":" not in name else name, "action": action,
            "position": position,
            "price": said(fields, "trigger_price"), "time": stamp, "fired_at": stamp,
            "size": "" if position == "flat" else _size(fields, action),
            "alert_id": said(fields, "id"), "strategy": said(fields, "bot_uuid"),
        })  # fmt: skip
        lag = amount("max_lag", said(fields, "max_lag"))
        if lag is not None and made.fired_at is not None:
            late = (came_at - datetime.fromisoformat(made.fired_at)).total_seconds()
            if late > lag:
                raise BadInput("alert timestamp", stamp, f"is {late:.0f} s old, its max_lag is {lag}")
        return [made]

    def paste(self) -> Mapping[str, Any]:
        """The message of an alert that enters long; an exit says exit_long and needs no order."""
        return MESSAGE

    def sample(self, ticker: str, price: str) -> str:
        """An entry."""
        return json.dumps({"tv_instrument": ticker, "action": "enter_long", "trigger_price": price})


def _size(fields: Mapping[str, Any], action: str) -> str:
    order = fields.get("order")
    if order is None:
        return ""
    if not isinstance(order, Mapping):
        raise BadInput("alert order", type(order).__name__, "must be an object")
    kind, number = said(order, "currency_type") or "base", said(order, "amount")
    if said(order, "order_type").casefold() not in ("", "market"):
        raise BadInput("alert order_type", said(order, "order_type"), "is not carried out from alerts", "send market")
    rule = one_of("order currency_type", kind, _SIZES)
    if action.startswith("exit"):
        part = amount("order amount", number)
        if rule == "position" and part is not None and part != 100:
            raise BadInput("alert order amount", number, "parts of exits are not carried out", "send 100")
        return ""
    if rule == "position":
        raise BadInput("alert order currency_type", kind, "is for exits", "send base, quote or margin_percent")
    return f"{rule}:{number}" if number else ""
