"""Tape: price histories laid side by side as the kernel reads them, and one pass of the kernel over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.errors import BadInput
from workbench.fills import Slippage, Terms, rate_of_percent
from workbench.model import Protection, SizeRequest, SizeRule
from workbench.strategy import Columns

REASONS = {
    1: "the cash at the fill pays for no whole lot",
    2: "no equity left",
    3: "the size is below one lot",
    4: "a size by risk needs a stop",
}
CAUSES = ("entry", "exit", "stop", "trailing_stop", "target")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the kernel made of one strategy's signals over a tape of T bars and N symbols.

    `orders` are vectorbt's order records, sorted by symbol and bar, `causes` one of CAUSES for each. `equity` (T,) is
    the total after each bar in currency. `rejected` rows are (bar, symbol, direction, reason), `pending` rows
    (symbol, direction, size; direction 0 is an exit).
    """

    orders: NDArray[Any]
    causes: NDArray[np.int8]
    equity: NDArray[np.float64]
    start_cash: float
    rejected: list[tuple[int, int, int, int]]
    pending: list[tuple[int, int, float]]


class Tape:
    """Histories of one interval over the union of their times; a bar a symbol does not have is untraded.

    Prices are int64 units of 1e-8, (T, N). Raises BadInput for histories of different intervals or one symbol twice.
    """

    def __init__(self, histories: Sequence[PriceHistory]) -> None:
        if not histories:
            raise BadInput("data", "", "holds no symbol", "name at least one")
        self.symbols = [h.symbol for h in histories]
        for symbol in self.symbols:
            if self.symbols.count(symbol) > 1:
                raise BadInput("data", symbol, "is named twice")
        if len({h.interval_ns for h in histories}) > 1:
            raise BadInput("data", ",".join(self.symbols), "have bars of different lengths", "load one interval")
        self.histories = list(histories)
        self.times = np.unique(np.concatenate([h.times for h in histories]))
        shape = len(self.times), len(histories)
        self.open, self.high, self.low, self.close = (np.ones(shape, np.int64) for _ in range(4))
        self.traded, self.factor = np.zeros(shape, np.bool_), np.ones(shape)
        self.places: list[NDArray[np.int64]] = []
        for c, history in enumerate(histories):
            rows = np.searchsorted(self.times, history.times)
            self.places.append(rows)
            for name in ("open", "high", "low", "close"):
                getattr(self, name)[rows, c] = np.rint(getattr(history, name) * 1e8).astype(np.int64)
            self.traded[rows, c], self.factor[rows, c] = history.traded, history.factor
        instruments = [h.instrument for h in histories]
        self.lot = np.array([float(i.size_step) for i in instruments])
        self.tick = np.array([int(i.price_step * 10**8) for i in instruments], np.int64)

    def __len__(self) -> int:
        return len(self.times)

    def marks(self) -> NDArray[np.float64]:
        """The last traded close of each symbol at each bar, (T, N); NaN before its first."""
        marks = np.where(self.traded, self.close / 1e8, np.nan)
        last = np.maximum.accumulate(np.where(self.traded, np.arange(len(self))[:, None], -1), axis=0)
        return np.where(last >= 0, np.take_along_axis(marks, np.maximum(last, 0), axis=0), np.nan)

    def run(
        self,
        answers: Sequence[Columns],
        terms: Terms,
        size: SizeRequest,
        protection: Protection,
        first: int = 0,
        stop: int | None = None,
        *,
        at_close: bool = False,
    ) -> Outcome:
        """Simulate the answers (one a symbol, over its own bars) from bar `first` up to, not including, `stop`."""
        from workbench.fills import kernel

        window = slice(first, len(self) if stop is None else stop)
        bars, symbols = len(self.times[window]), len(self.symbols)
        flags = [self._spread(answers, n, False)[window] for n in ("entries", "exits", "short_entries", "short_exits")]
        override = np.empty((0, symbols))
        if any((~np.isnan(a.size)).any() for a in answers):
            override = self._spread(answers, "size", np.nan)[window]
        rates = [self._rates(answers, name, getattr(protection, name), window) for name in ("stop", "target", "trail")]
        groups = 1 if terms.shared_cash else symbols
        start_cash = np.full(groups, float(terms.cash) / groups)
        orders, causes, equity, _, rejected, exits, entries, sizes = kernel.simulate(
            *(np.ascontiguousarray(a[window]) for a in (self.open, self.high, self.low, self.close)),
            np.ascontiguousarray(self.traded[window]), np.ascontiguousarray(self.factor[window]),
            *flags, override, *rates,
            list(SizeRule).index(size.rule), float(size.amount or 0), self.lot, self.tick,
            np.zeros(symbols, np.int64) if terms.shared_cash else np.arange(symbols), start_cash,
            *self.slipping(terms.costs.slippage, window), terms.costs.table(), terms.costs.epochs(self.times[window]),
            at_close,
        )  # fmt: skip
        order = np.lexsort((orders["id"], orders["idx"], orders["col"]))
        orders, causes = orders[order], causes[order]
        orders["id"] = np.arange(len(orders))
        pending = [(c, 0, 0.0) for c in range(symbols) if exits[c]]
        pending += [(c, int(entries[c]), float(sizes[c])) for c in range(symbols) if entries[c]]
        equity = equity.sum(axis=1) if bars else np.empty(0)
        return Outcome(orders, causes, equity, float(terms.cash), list(rejected), pending)

    def run_of(self, strategy: Any, answers: Sequence[Columns], terms: Terms, first: int = 0,
               stop: int | None = None) -> Outcome:  # fmt: skip
        """Simulate a strategy's answers under terms, by its own size, levels and fills where the terms name none."""
        return self.run(
            answers, terms, terms.size_for(strategy), terms.protection_for(strategy), first, stop,
            at_close=terms.at_close(strategy),
        )  # fmt: skip

    def slipping(self, slippage: Slippage, window: slice) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Slippage as the kernel reads it: rates, and what each raw unit adds; one row where it never changes."""
        symbols = len(self.symbols)
        if slippage.is_fixed:
            return np.full((1, symbols), slippage.fixed_rate, np.int64), np.empty((0, symbols))
        base = np.full((len(self) + 1, symbols), slippage.fixed_rate, np.int64)
        more = np.zeros((len(self) + 1, symbols))
        for c, history in enumerate(self.histories):
            if slippage.needs_volume and not (history.volume[history.traded] > 0).all():
                problem = "has traded bars without a volume, which volume slippage needs"
                raise BadInput("slippage", f"{slippage} on {history.symbol}", problem, "leave volume: out")
            own = slippage.rates(history.high, history.low, history.close, history.volume, history.traded)
            # before a bar counts the last one that closed, after it the bar itself: one place further on
            after = np.searchsorted(self.places[c], np.arange(len(self) + 1), side="left")
            base[:, c], more[:, c] = own[0][after], own[1][after]
        rows = slice(window.start, window.stop + 1)
        impact = np.ascontiguousarray(more[rows]) if slippage.needs_volume else np.empty((0, symbols))
        return np.ascontiguousarray(base[rows]), impact

    def _spread(self, answers: Sequence[Columns], name: str, empty: Any) -> NDArray[Any]:
        """One field of every symbol's answer, laid over the union of times."""
        first = getattr(answers[0], name)
        out = np.full((len(self), len(answers)), empty, first.dtype)
        for c, answer in enumerate(answers):
            out[self.places[c], c] = getattr(answer, name)
        return out

    def _rates(
        self, answers: Sequence[Columns], name: str, declared: Decimal | None, window: slice
    ) -> NDArray[np.int64]:
        """A level as integer rates: one row where every bar has the declared one, else a row a bar."""
        default = 0 if declared is None else rate_of_percent(float(declared))
        if all(np.isnan(getattr(a, name)).all() for a in answers):
            return np.full((1, len(answers)), default, np.int64)
        percent = self._spread(answers, name, np.nan)[window]
        given = ~np.isnan(percent)
        rates = np.full(percent.shape, default, np.int64)
        rates[given] = np.rint(percent[given] * 1_000_000).astype(np.int64)
        return rates
