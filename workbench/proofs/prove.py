"""The three proofs of one strategy on one data set, together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.ports import BarBroker, ProgressCallback, no_progress
from workbench.proofs.apart import Locator
from workbench.proofs.lookahead import LookaheadProof, prove_no_lookahead
from workbench.proofs.parity import ParityProof, prove_parity
from workbench.proofs.warmup import WarmupProof, prove_warmup
from workbench.research import Backtest
from workbench.risk import RiskChain
from workbench.strategy import Bars


@dataclass(frozen=True, repr=False)
class Proofs:
    """Look-ahead and warm-up proof of each symbol, and one parity certificate over all of them."""

    strategy: str
    params: dict[str, Any]
    data: dict[str, Any]
    lookahead: tuple[LookaheadProof, ...]
    warmup: tuple[WarmupProof, ...]
    parity: ParityProof
    run_id: str = ""

    @property
    def passed(self) -> bool:
        """Whether every proof passed."""
        return all(p.passed for p in self.lookahead) and all(p.passed for p in self.warmup) and self.parity.passed

    @property
    def failures(self) -> list[str]:
        """Why each proof that failed did."""
        named = [("look-ahead", p.symbol, p.passed, p.reason) for p in self.lookahead]
        named += [("warm-up", p.symbol, p.passed, p.reason) for p in self.warmup]
        told = [f"{what} on {symbol}: {reason}" for what, symbol, passed, reason in named if not passed]
        return told if self.parity.passed else [*told, f"parity: {self.parity.reason}"]

    def to_dict(self) -> dict[str, Any]:
        """The proofs as JSON values; with several symbols the first that failed speaks, and `by_symbol` has all."""
        known = [p.bars_needed for p in self.warmup]
        return {
            "run_id": self.run_id or None,
            "strategy": self.strategy,
            "params": self.params,
            "passed": self.passed,
            "lookahead": _together(self.lookahead),
            "warmup": _together(self.warmup)
            | {"bars_needed": None if None in known else max(k for k in known if k is not None)},
            "parity": self.parity.to_dict(),
            "failures": self.failures,
        }

    def __repr__(self) -> str:
        return (
            f"<Proofs of {self.strategy}: {'; '.join(self.failures) or 'no look-ahead, warm-up, parity: all passed'}>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        rows = [("no look-ahead", p.symbol, p.passed, p.reason or p.coverage) for p in self.lookahead]
        rows += [
            ("warm-up", p.symbol, p.passed, p.reason or f"{p.bars_needed} bars needed, {p.declared or 'none'} declared")
            for p in self.warmup
        ]
        parity = self.parity
        told = f"{parity.compared_fills} fills, {parity.compared_trades} trades the same; {parity.history} known"
        rows.append(("parity", ", ".join(parity.symbols), parity.passed, parity.reason or told))
        left = "style='text-align:left'"
        cells = "".join(
            f"<tr><td {left}>{what}</td><td {left}>{escape(symbol)}</td>"
            f"<td style='color:{'#0f9d76' if ok else '#d64545'}'><b>{'passed' if ok else 'failed'}</b></td>"
            f"<td {left}>{escape(why)}</td></tr>"
            for what, symbol, ok, why in rows
        )
        title = f"<b>Proofs of {escape(self.strategy)}</b>"
        return f"<div style='font:14px system-ui,sans-serif'>{title}<table>{cells}</table></div>"


def prove(
    backtest: Backtest,
    make_broker: Callable[[], BarBroker],
    risk: RiskChain,
    *,
    live_history: int,
    lookahead_cuts: int,
    locator: Locator | None = None,
    progress: ProgressCallback = no_progress,
) -> Proofs:
    """Prove the strategy of a backtest on its data: look-ahead, warm-up, then parity with the order path.

    With a `locator` the look-ahead proof asks the strategy in another process, a new one for each symbol.
    """
    columns = [Bars(**history.columns) for history in backtest.tape.histories]
    strategy = backtest.strategy
    lookahead = [
        prove_no_lookahead(strategy, bars, locator=locator, every_up_to=lookahead_cuts, progress=progress)
        for bars in columns
    ]
    warmup = [prove_warmup(strategy, bars, progress=progress) for bars in columns]
    parity, _ = prove_parity(backtest, make_broker, risk, live_history=live_history, progress=progress)
    return Proofs(backtest.name, dict(strategy.params), backtest.data_dict(), tuple(lookahead), tuple(warmup), parity)


def _together(proofs: tuple[LookaheadProof, ...] | tuple[WarmupProof, ...]) -> dict[str, Any]:
    speaks = next((p for p in proofs if not p.passed), proofs[0])
    return speaks.to_dict() | {"by_symbol": {p.symbol: p.to_dict() for p in proofs}}
