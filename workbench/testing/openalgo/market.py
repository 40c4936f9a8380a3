"""The endpoints that tell of the market: quotes, depth, history, the symbol master.

Shapes: broker/zerodha/api/data.py, services/{quotes,depth,history,intervals,symbol,search,expiry}_service.py. None of
them says a mode; the sandbox reads live data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal

from workbench.testing.openalgo.answers import Answer, Body, error, plain, success
from workbench.testing.openalgo.exchange import Exchange
from workbench.testing.openalgo.values import IST, MASTER, ZERO, Key, Listing

INTERVALS = {"1m": 1, "3m": 3, "5m": 5, "10m": 10, "15m": 15, "30m": 30, "1h": 60, "D": 24 * 60}


def quote_row(exchange: Exchange, key: Key) -> Body:
    """A quote's numbers; all zero where the market has none yet."""
    quote = exchange.quote(key)
    names = ("open", "high", "low", "ltp", "bid", "ask", "prev_close", "volume", "oi")
    return {name: plain(Decimal(getattr(quote, name))) if quote else 0 for name in names}


def _missing(body: Body) -> Answer | None:
    """Data of an unknown symbol is refused with 400 (validate_symbol_exchange); only `symbol` says 404."""
    if (body["symbol"], body["exchange"]) in MASTER:
        return None
    return error(400, f"Symbol '{body['symbol']}' not found for exchange '{body['exchange']}'.")


def _quotes(exchange: Exchange, body: Body) -> Answer:
    return _missing(body) or success(data=quote_row(exchange, (body["symbol"], body["exchange"])))


def _multiquotes(exchange: Exchange, body: Body) -> Answer:
    results = []
    for asked in body["symbols"]:
        lost = _missing(asked)
        found = {"error": lost.body["message"]} if lost else {"data": quote_row(exchange, tuple(asked.values()))}
        results.append(asked | found)
    return success(results=results)


def levels(exchange: Exchange, key: Key) -> list[list[Body]]:
    """Five bids and five asks; zeros fill the missing ones."""
    sides = exchange.depth(key) if exchange.quote(key) else ([(ZERO, ZERO)] * 5,) * 2
    return [[{"price": float(price), "quantity": plain(size)} for price, size in side] for side in sides]


def _depth(exchange: Exchange, body: Body) -> Answer:
    if lost := _missing(body):
        return lost
    key = (body["symbol"], body["exchange"])
    bids, asks = levels(exchange, key)
    row = {k: v for k, v in quote_row(exchange, key).items() if k not in ("bid", "ask")}
    sums = {f"total{name}qty": sum(x["quantity"] for x in side) for name, side in (("buy", bids), ("sell", asks))}
    return success(data={**row, "ltq": 0, **sums, "bids": bids, "asks": asks})


def _history(exchange: Exchange, body: Body) -> Answer:
    """Made-up bars that are the same for the same request; `timestamp` is epoch seconds of a bar's start."""
    if lost := _missing(body):
        return lost
    if body["interval"] not in INTERVALS:
        return error(400, f"Unsupported timeframe: {body['interval']}")
    quote = exchange.quote((body["symbol"], body["exchange"]))
    base, minutes, rows = float(quote.prev_close if quote else Decimal(100)), INTERVALS[body["interval"]], []
    day = body["start_date"]
    while day <= body["end_date"]:
        # Zerodha's mapping shifts daily bars, so that they read midnight UTC of their date; intraday ones are exact.
        zero = day if body["interval"] == "D" else None
        start = datetime.combine(day, time(9, 15) if zero is None else time(0), IST)
        if zero is not None:
            start += timedelta(hours=5, minutes=30)
        for number in range(max(375 // minutes, 1) if day.weekday() < 5 else 0):
            at = int((start + timedelta(minutes=minutes * number)).timestamp())
            close = round(base * (1 + ((at // 60) % 21 - 10) / 1000), 2)
            high, low = round(max(base, close) + 1, 2), round(min(base, close) - 1, 2)
            rows.append(
                {"timestamp": at, "open": base, "high": high, "low": low, "close": close, "volume": 100, "oi": 0}
            )
        day += timedelta(days=1)
    return success(data=rows)


def _intervals(exchange: Exchange, body: Body) -> Answer:
    minutes = [name for name in INTERVALS if name.endswith("m")]
    return success(data={"seconds": [], "minutes": minutes, "hours": ["1h"], "days": ["D"], "weeks": [], "months": []})


def _listing_row(listing: Listing) -> Body:
    return {
        "symbol": listing.symbol,
        "brsymbol": listing.symbol,
        "name": listing.name,
        "exchange": listing.exchange,
        "brexchange": listing.exchange,
        "token": listing.token,
        "expiry": listing.expiry,
        "strike": float(listing.strike),
        "lotsize": plain(listing.lot),
        "instrumenttype": listing.kind,
        "tick_size": float(listing.tick),
        "freeze_qty": listing.freeze if listing.derivative else 1,
    }


def _symbol(exchange: Exchange, body: Body) -> Answer:
    listing = MASTER.get((body["symbol"], body["exchange"]))
    if listing is None:
        return error(404, f"Symbol {body['symbol']} not found in exchange {body['exchange']}")
    return success(data=_listing_row(listing) | {"id": list(MASTER).index(listing.key) + 1})


def _search(exchange: Exchange, body: Body) -> Answer:
    where, words = body.get("exchange"), body["query"].upper().split()
    if not words:
        return error(400, "Query parameter is required and cannot be empty")
    found = [
        _listing_row(listing)
        for listing in MASTER.values()
        if where in (None, listing.exchange) and all(word in listing.symbol for word in words)
    ]
    return success(message=f"Found {len(found)} matching symbols" if found else "No matching symbols found", data=found)


def _expiry(exchange: Exchange, body: Body) -> Answer:
    kinds = ("FUT",) if body["instrumenttype"] == "futures" else ("CE", "PE")
    name, where = body["symbol"].upper(), body["exchange"]
    dates = {x.expiry for x in MASTER.values() if (x.name, x.exchange) == (name, where) and x.kind in kinds}
    what = f"{name} {body['instrumenttype']} in {where}"
    ordered = sorted(dates, key=lambda text: datetime.strptime(text, "%d-%b-%y").replace(tzinfo=IST))
    return success(message=f"{f'Found {len(dates)}' if dates else 'No'} expiry dates for {what}", data=ordered)


MARKET: dict[str, Callable[[Exchange, Body], Answer]] = {
    "quotes": _quotes,
    "multiquotes": _multiquotes,
    "depth": _depth,
    "history": _history,
    "intervals": _intervals,
    "symbol": _symbol,
    "search": _search,
    "expiry": _expiry,
}
