"""Tickerly: an action, and where the sender's strategy stood before it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from workbench.errors import BadInput
from workbench.signals import Alert, json_object, make_alert, one_of, said

_BEFORE = {"long": "long", "short": "short", "flat": "flat"}
MESSAGE = {
    "ticker": "{{ticker}}",
    "action": "{{strategy.order.action}}",
    "prev_position": "{{strategy.prev_market_position}}",
    "market_position": "{{strategy.market_position}}",
    "quantity": "{{strategy.order.contracts}}",
    "price": "{{close}}",
    "time": "{{timenow}}",
}


class Tickerly:
    """Reads action and `prev_position`: a buy after short closes the short, a sell after long closes the long.

    Where the message says the position afterwards too, that decides, as for a reversal.
    """

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """The one alert in a message."""
        fields = json_object(text)
        action = said(fields, "action", must=True)
        after = said(fields, "market_position", "position")
        before = said(fields, "prev_position", must=not after)
        if not (before or after):
            raise BadInput("alert prev_position", "", "is missing: a sell could close or open", "send it")
        before = one_of("prev_position", before, _BEFORE) if before else ""
        quantity = said(fields, "quantity", "contracts")
        if not after:
            word = action.casefold()
            if word == "buy":
                action = "exit_short" if before == "short" else "buy"
            elif word == "sell":
                action = "exit_long" if before == "long" else "short"
            quantity = "" if action.startswith("exit") else quantity
        return [make_alert({
            "ticker": said(fields, "ticker", "symbol", must=True), "action": action, "position": after,
            "quantity": quantity, "price": said(fields, "price", "close"), "time": said(fields, "time", "timestamp"),
            "alert_id": said(fields, "alert_id", "id"), "order_id": said(fields, "order_id"),
            "comment": said(fields, "comment"),
        })]  # fmt: skip

    def paste(self) -> Mapping[str, str]:
        """The message of a strategy's alert."""
        return MESSAGE

    def sample(self, ticker: str, price: str) -> str:
        """A buy from flat."""
        return json.dumps({"ticker": ticker, "action": "buy", "prev_position": "flat", "price": price})
