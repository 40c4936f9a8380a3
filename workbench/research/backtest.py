"""Backtest: a strategy over the whole of its histories, by the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data import PriceHistory
from workbench.fills import Terms
from workbench.model import iso
from workbench.ports import ProgressCallback, no_progress
from workbench.research.breakdown import Breakdown, breakdown_of
from workbench.research.metrics import Metrics, drawdown_of, run_metrics
from workbench.research.tape import Outcome, Tape
from workbench.research.trades import Trade, pending_of, rejected_of, trades_of
from workbench.strategy import Bars, Columns, Strategy

if TYPE_CHECKING:
    import pandas as pd
    import vectorbt

FILL_NOTES = (
    "fills at the next bar's open; levels inside a bar by the table in docs/fills.md",
    "the cost of borrowing for shorts is taken as zero",
)
CLOSE_NOTE = "fills at the close a signal is seen at: live that close is over, and orders trade after it"


@dataclass(frozen=True)
class Backtest:
    """What a backtest found. `trades`, `equity` and the rest are worked out when asked for.

    Equity is in currency after each bar, over a UTC index of bar starts; sizes and prices are adjusted where the
    data is. `portfolio` is the same run as a `vectorbt.Portfolio`.
    """

    name: str
    strategy: Strategy
    terms: Terms
    tape: Tape
    answers: tuple[Columns, ...]
    outcome: Outcome
    run_id: str = ""

    @cached_property
    def trade_list(self) -> list[Trade]:
        """Every round trip, by entry time."""
        return trades_of(self.tape, self.outcome)

    @cached_property
    def metrics(self) -> Metrics:
        """The figures of the run."""
        held = (self._positions() != 0).any(axis=1)
        return run_metrics(
            self.outcome.equity,
            self.outcome.start_cash,
            max(h.periods_per_year for h in self.tape.histories),
            self.trade_list,
            float(held.mean()) if len(held) else 0.0,
        )

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Orders that the last bar asked for and no bar came to fill."""
        return pending_of(self.tape, self.outcome)

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """Entries that came to nothing, with the reason."""
        return rejected_of(self.tape, self.outcome)

    @property
    def notes(self) -> list[str]:
        """What to know about the prices and the fills before believing the figures."""
        notes = [f"{h.symbol}: {note}" for h in self.tape.histories for note in h.notes]
        for history in self.tape.histories:
            if history.instrument.lot is None:
                notes.append(f"{history.symbol}: no lot given, sizes are cut to 1e-6")
            if any(f.kind == "gap" and f.count > 0.1 * history.bars for f in history.report.findings):
                notes.append(
                    f"{history.symbol}: many bars are missing on the {history.calendar} calendar, by which figures are "
                    f"annualised ({history.periods_per_year:g} bars a year); name the right one with --calendar"
                )
            if history.report.warnings:
                notes.append(f"{history.symbol}: {history.report.summary()}")
        fills = (CLOSE_NOTE, *FILL_NOTES[1:]) if self.terms.at_close(self.strategy) else FILL_NOTES
        model = self.terms.costs.model
        if model is not None and model.currency:
            other = {h.instrument.currency for h in self.tape.histories} - {model.currency}
            notes += [f"{model.name} charges amounts in {model.currency}, and prices are in {c}" for c in sorted(other)]
        return [*fills, *(model.notes if model is not None else ()), *notes]

    @cached_property
    def costs(self) -> Breakdown:
        """From gross to net: what slippage and each charge took."""
        return breakdown_of(self.tape, self.outcome, self.terms, at_close=self.terms.at_close(self.strategy))

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """The bars' starts, UTC."""
        import pandas as pd

        return pd.DatetimeIndex(self.tape.times.view("M8[ns]"), tz="UTC", name="time")

    @property
    def equity(self) -> pd.Series:
        """Equity after each bar, in currency."""
        import pandas as pd

        return pd.Series(self.outcome.equity, self.index, name="equity")

    @property
    def drawdown(self) -> pd.Series:
        """How far below its peak the equity is after each bar, as a fraction, 0 or below."""
        import pandas as pd

        return pd.Series(drawdown_of(self.outcome.equity, self.outcome.start_cash), self.index, name="drawdown")

    @property
    def positions(self) -> pd.DataFrame:
        """The size held after each bar, one column a symbol; below 0 when short."""
        import pandas as pd

        return pd.DataFrame(self._positions(), self.index, self.tape.symbols)

    @property
    def trades(self) -> pd.DataFrame:
        """Every round trip as a row."""
        import pandas as pd

        columns = [
            "symbol", "direction", "entry_time", "entry_price", "exit_time", "exit_price", "size", "raw_size", "fees",
            "pnl", "return", "status", "exit_cause",
        ]  # fmt: skip
        frame = pd.DataFrame([t.to_dict() for t in self.trade_list], columns=columns)
        for name in ("entry_time", "exit_time"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    @cached_property
    def portfolio(self) -> vectorbt.Portfolio:
        """The run as a `vectorbt.Portfolio`, made from the kernel's order records."""
        from workbench.research.portfolio import as_portfolio

        return as_portfolio(self.tape, self.outcome, self.index, self.terms)

    def data_dict(self) -> dict[str, Any]:
        """What was traded on, as JSON values."""
        return data_dict(self.tape.histories)

    def to_dict(self) -> dict[str, Any]:
        """The whole result as JSON values."""
        return {
            "run_id": self.run_id or None,
            "strategy": self.name,
            "params": dict(self.strategy.params),
            "data": self.data_dict(),
            "terms": terms_dict(self.terms, self.strategy),
            "metrics": self.metrics.to_dict(),
            "costs": self.costs.to_dict(),
            "trades": [t.to_dict() for t in self.trade_list],
            "pending": self.pending,
            "rejected": self.rejected,
            "notes": self.notes,
        }

    def report(self) -> str:
        """A self-contained HTML report: figures, equity and drawdown, trades on the price, the list of trades."""
        from workbench.research.report import backtest_report

        return backtest_report(self)

    def plot(self) -> Any:
        """Equity, drawdown and trades on the price, as a bokeh layout."""
        from workbench.research.plots import backtest_layout

        return backtest_layout(self)

    def _repr_html_(self) -> str:
        from workbench.research.report import backtest_summary

        return backtest_summary(self)

    def __repr__(self) -> str:
        total, sharpe = self.metrics["total_return"], self.metrics["sharpe"]
        shown = "undefined" if sharpe is None else f"{sharpe:.2f}"
        return (
            f"<Backtest {self.strategy!r} on {', '.join(self.tape.symbols)}: return {total:+.2%}, Sharpe {shown}, "
            f"{self.metrics['trades']} trades>"
        )

    def _positions(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Sizes held after each bar; a position that was closed is exactly 0."""
        held = np.zeros((len(self.tape), len(self.tape.symbols)))
        for trade in self.trade_list:
            column = self.tape.symbols.index(trade.symbol)
            stop = len(self.tape) if trade.exit_idx is None else trade.exit_idx
            held[trade.entry_idx : stop, column] = trade.size if trade.direction == "long" else -trade.size
        return held


def backtest(
    name: str,
    strategy: Strategy,
    histories: Sequence[PriceHistory],
    terms: Terms,
    progress: ProgressCallback = no_progress,
) -> Backtest:
    """Run a strategy over whole histories. Raises BadInput for terms or data that do not fit, StrategyFault for it."""
    terms.check_for(strategy)
    tape = Tape(histories)
    answers = []
    for i, history in enumerate(histories):
        progress("signals", i, len(histories))
        answers.append(strategy.answer(Bars(**history.columns)))
    progress("signals", len(histories), len(histories))
    outcome = tape.run_of(strategy, answers, terms)
    return Backtest(name, strategy, terms, tape, tuple(answers), outcome)


def data_fingerprint(histories: Sequence[PriceHistory]) -> str:
    """One fingerprint for several histories: their own where there is one, else a hash over them in order."""
    import hashlib

    if len(histories) == 1:
        return histories[0].fingerprint
    text = "\n".join(f"{h.symbol} {h.fingerprint}" for h in histories)
    return hashlib.sha256(text.encode()).hexdigest()


def data_dict(histories: Sequence[PriceHistory]) -> dict[str, Any]:
    """Histories as JSON values: where from, what span, how many bars, what the checks said, and the fingerprint."""
    return {
        "source": histories[0].source,
        "symbols": [h.symbol for h in histories],
        "start": iso(min(h.start for h in histories)),
        "end": iso(max(h.end for h in histories)),
        "bars": sum(h.bars for h in histories),
        "interval_seconds": histories[0].interval_ns // 10**9,
        "calendar": histories[0].calendar,
        "adjusted": any(h.instrument.adjusted for h in histories),
        "as_of": max((h.as_of.isoformat() for h in histories if h.as_of), default=None),
        "fingerprint": data_fingerprint(histories),
        "reports": {h.symbol: h.report.to_dict() for h in histories},
    }


def terms_dict(terms: Terms, strategy: Strategy) -> dict[str, Any]:
    """The terms that counted, as JSON values."""
    levels = terms.protection_for(strategy)
    return {
        "cash": float(terms.cash),
        "shared_cash": terms.shared_cash,
        "size": str(terms.size_for(strategy)),
        "fee_bps": float(terms.costs.fee_bps),
        "slippage_bps": float(terms.costs.slippage_bps),
        "per_share": float(terms.costs.per_share),
        "minimum_fee": float(terms.costs.minimum_fee),
        "costs": terms.costs.model.name if terms.costs.model is not None else None,
        "slippage": str(terms.costs.slippage),
        "fill_at": "close" if terms.at_close(strategy) else "open",
        **{
            name: None if getattr(levels, name) is None else float(getattr(levels, name))
            for name in ("stop", "target", "trail")
        },
    }
