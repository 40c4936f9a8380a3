"""ChartInk: a screener's alert, with the stocks it found as one comma-separated text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from workbench.errors import BadInput
from workbench.signals import Alert, json_object, make_alert, said

IST = timezone(timedelta(hours=5, minutes=30), "IST")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?\s*([ap]m)?", re.IGNORECASE)


class ChartInk:
    """Reads `stocks` and `trigger_prices` as one alert each stock.

    A screener's alert has no side: `action` gives it for every scan of the hook, `scans` by the scan's name (or the
    alert's). One scan at one minute of one day (IST) with the same stocks is one alert, however often it comes.
    """

    def __init__(self, action: str = "", scans: Mapping[str, str] | None = None) -> None:
        if not action and not scans:
            raise BadInput("chartink action", "", "is missing: ChartInk sends no side", "set action=buy, or scans")
        for given in filter(None, (action, *(scans or {}).values())):
            make_alert({"ticker": "X", "action": given})  # raises for one that means nothing
        self._action = action
        self._scans = {name.casefold(): done for name, done in (scans or {}).items()}

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """One alert for each stock."""
        fields = json_object(text)
        stocks = [said({"stocks": part}, "stocks", must=True) for part in _parts(_long(fields, "stocks"))]
        prices = _parts(_long(fields, "trigger_prices"))
        if not stocks:
            raise BadInput("alert stocks", "", "is missing or empty")
        if prices and len(prices) != len(stocks):
            raise BadInput("alert trigger_prices", f"{len(prices)} prices", f"do not match {len(stocks)} stocks")
        twice = sorted({stock for stock in stocks if stocks.count(stock) > 1})
        if twice:
            raise BadInput("alert stocks", ", ".join(twice), "is named twice")
        names = [said(fields, name) for name in ("scan_name", "alert_name")]
        action = next((self._scans[n.casefold()] for n in names if n.casefold() in self._scans), self._action)
        if not action:
            known = ", ".join(sorted(self._scans))
            raise BadInput("alert scan_name", names[0] or names[1], f"is none of the hook's scans: {known}")
        when = _when(said(fields, "triggered_at"), came_at)
        label = names[0] or names[1]
        return [
            make_alert({
                "ticker": stock, "action": action, "price": prices[place] if prices else "", "comment": label,
                "alert_id": f"{label}|{when}|{stock}" if when else "",
            })
            for place, stock in enumerate(stocks)
        ]  # fmt: skip

    def paste(self) -> str:
        """Nothing: ChartInk has a field for the address alone."""
        return ""

    def sample(self, ticker: str, price: str) -> str:
        """A scan that found one stock."""
        name = "test of the hook" if self._action else next(iter(self._scans))
        return json.dumps({"stocks": ticker, "trigger_prices": price, "scan_name": name, "alert_name": name})


def _long(fields: Mapping[str, object], name: str) -> str:
    """A list of many parts, which may be longer than one field's text."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadInput(f"alert {name}", type(value).__name__, "must be a text, its parts between commas")
    return value


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _when(text: str, came_at: datetime) -> str:
    """The minute at which a scan fired, on the day (IST) on which its alert came; '' where it does not say."""
    if not text:
        return ""
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text)  # with its date, as third parties that pass alerts on write it
        return f"{at:%Y-%m-%d %H:%M} IST" if at.tzinfo is None else f"{at.astimezone(IST):%Y-%m-%d %H:%M} IST"
    match = _TIME.fullmatch(text)
    hour = int(match[1]) if match else 99
    if match is not None and match[3]:
        hour = hour % 12 + (12 if match[3].lower() == "pm" else 0) if 1 <= hour <= 12 else 99
    if match is None or hour > 23 or int(match[2]) > 59:
        raise BadInput("alert triggered_at", text, "is no time of a day", "as in 2:34 pm or 14:34")
    return f"{came_at.astimezone(IST).date()} {hour:02}:{match[2]} IST"
