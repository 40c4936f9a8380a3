"""Bars from OpenAlgo's history: what the broker behind it gives, in the exchange's own days."""

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pandas as pd

from workbench.errors import BadInput, DataFault, UnknownName
from workbench.model import Instrument
from workbench.ports import DataRequest, PriceTable
from workbench_plugins.openalgo_api import Api, Key, Line, Unanswered
from workbench_plugins.openalgo_symbols import Contract, Symbols
from workbench_plugins.openalgo_wire import IST, number, row, rows

COLUMNS = ("open", "high", "low", "close", "volume")
CALENDARS = {"NSE": "NSE", "BSE": "NSE", "NFO": "NSE", "BFO": "NSE", "NSE_INDEX": "NSE", "BSE_INDEX": "NSE"}
"""Exchanges that keep the calendar of the NSE; the others trade longer, so their bars go by `always`."""
CLOSED_BY = time(16, 0)
"""When today's daily bar of those exchanges is surely closed, in India."""
DAILY, INTRADAY = timedelta(days=5 * 365), timedelta(days=60)
"""How far back it goes where no dates are given."""
PIECES = {True: timedelta(days=365), False: timedelta(days=30)}
"""The longest stretch asked for at a time, for daily bars and for shorter ones: brokers cut off longer ones."""

_INTERVAL = re.compile(r"(\d+)(m|h)")


class OpenAlgoSource:
    """`openalgo:NSE:RELIANCE`, daily for five years; `openalgo:NSE:RELIANCE@5m@2026-01-01..2026-03-31` for more.

    The server's address and key are in the environment: OPENALGO_URL (else this machine's port 5000) and
    OPENALGO_API_KEY. Nothing is asked before the first use.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._symbols = Symbols(clock=clock)
        self._api: Api | None = None

    def symbols(self) -> list[str]:
        """None: a symbol master has over 100,000; OpenAlgo's search finds them."""
        return []

    def load(self, request: DataRequest) -> PriceTable:
        """All closed bars of a symbol, unadjusted: what the broker gives, which some adjust for splits and some not.

        The time of a daily bar is its date, of others their start in UTC. A bar that is still forming is left out.
        """
        symbol, interval, first, last = self._read(request.symbol)
        api = self._connected()
        try:
            contract = self._symbols.resolve(api, symbol)
            self._check_interval(api, interval)
            bars = self._bars(api, contract, interval, first, last)
        except Unanswered as error:
            raise BadInput("symbol", request.symbol, f"cannot be loaded: {error}") from None
        finally:
            api.close()  # no connection is kept between two loads
        if not bars:
            raise DataFault("symbol", request.symbol, f"has no {interval} bars from {first} to {last}")
        is_daily = interval == "D"
        frame = pd.DataFrame([{"time": at, **fields} for at, fields in sorted(bars.items())])
        frame["time"] = pd.to_datetime(frame["time"], utc=not is_daily)
        is_index = contract.exchange.endswith("_INDEX")
        lot = request.lot if request.lot is not None else contract.lot
        tick = request.tick if request.tick is not None else contract.tick
        return PriceTable(
            frame,
            Instrument(contract.symbol, "INR", tick=tick, lot=lot, venue=contract.exchange),
            calendar=request.calendar or CALENDARS.get(contract.exchange, "always"),
            zone=None if is_daily else "UTC",
            volume_counts=not is_index,
            as_of=self._today(),
            notes=(f"{interval} bars from the broker behind OpenAlgo; whether it adjusts for splits is not told",),
        )

    def _read(self, words: str) -> tuple[str, str, date, date]:
        """Symbol, interval, first and last day of a request."""
        symbol, *more = words.split("@")
        interval = more[0] if more and more[0] else "D"
        if interval != "D" and not _INTERVAL.fullmatch(interval):
            raise BadInput("interval", interval, f"of {words} is not known", "write D, or as in 5m and 1h")
        last = self._today()
        first = last - (DAILY if interval == "D" else INTRADAY)
        if len(more) > 1:
            begin, _, end = more[1].partition("..")
            try:
                first, last = date.fromisoformat(begin), date.fromisoformat(end) if end else last
            except ValueError:
                raise BadInput("dates", more[1], f"of {words}", "write them as in 2026-01-01..2026-03-31") from None
        if len(more) > 2 or first > last or not symbol:
            raise BadInput("symbol", words, "cannot be read", "write it as in NSE:RELIANCE@5m@2026-01-01..2026-03-31")
        return symbol, interval, first, last

    def _check_interval(self, api: Api, interval: str) -> None:
        told = row(api.ask("intervals").get("data"), "intervals")
        known = [str(one) for names in told.values() if isinstance(names, list) for one in names]
        if interval not in known:
            raise UnknownName("interval", interval, known)

    def _bars(
        self, api: Api, contract: Contract, interval: str, first: date, last: date
    ) -> dict[datetime, dict[str, float]]:
        """Bars by their time, asked for piece by piece; DataFault where two pieces contradict each other."""
        bars: dict[datetime, dict[str, float]] = {}
        begin = first
        while begin <= last:
            end = min(begin + PIECES[interval == "D"], last)
            fields = {"symbol": contract.wire_symbol, "exchange": contract.exchange, "interval": interval}
            told = api.ask("history", fields | {"start_date": begin.isoformat(), "end_date": end.isoformat()})
            for one in rows(told.get("data"), "history"):
                at, prices = self._bar(one, contract, interval)
                if at is None:
                    continue
                if bars.setdefault(at, prices) != prices:
                    raise DataFault("bar", at.isoformat(), f"of {contract.symbol} is told twice, with other numbers")
            begin = end + timedelta(days=1)
        return bars

    def _bar(self, one: Any, contract: Contract, interval: str) -> tuple[datetime | None, dict[str, float]]:
        """One bar: its time, None while it forms, and its numbers. The wire's time is epoch seconds of its start.

        A daily bar's date is the one that instant has in India: brokers put it at midnight there, or in UTC, which is
        half past five in the morning there.
        """
        what = f"history of {contract.symbol}"
        start = datetime.fromtimestamp(int(number(one, "timestamp", what)), UTC)
        prices = {
            name: float(number(one, name, what)) for name in COLUMNS if name != "volume" or one.get(name) is not None
        }
        now = self._clock()
        if interval == "D":
            day = start.astimezone(IST).date()
            india = now.astimezone(IST)
            closed_today = contract.exchange in CALENDARS and india.time() >= CLOSED_BY
            forms = day > india.date() or (day == india.date() and not closed_today)
            at = datetime.combine(day, time(0))
        else:
            count, unit = _INTERVAL.fullmatch(interval).groups()  # type: ignore[union-attr]  # was read by it before
            length = timedelta(minutes=int(count) * (60 if unit == "h" else 1))
            forms, at = start + length > now, start
        return (None if forms else at), prices

    def _today(self) -> date:
        return self._clock().astimezone(IST).date()

    def _connected(self) -> Api:
        if self._api is None:
            url = os.environ.get("OPENALGO_URL", "http://127.0.0.1:5000")
            # a broker's history takes its time, and OpenAlgo lets three such questions a second through
            self._api = Api(url, Key.from_environment("OPENALGO_API_KEY"), Line(), answer_within=60.0, patience=5.0)
        return self._api
