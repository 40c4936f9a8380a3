"""Random runs that stress the rule for fills: gaps, absences, ties, lots, ticks, factors, costs, levels, reversals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
from workbench_plugins.cost_models import crypto, india_intraday, india_options, tiered

from tests.support import DAY, make_history, make_terms, scripted
from workbench.data import PriceHistory
from workbench.fills import Charge, CostModel, Slippage, Terms
from workbench.strategy import Strategy

MODELS = (
    india_intraday(),
    india_options(),
    crypto(maker="2", taker="7.5"),
    tiered("0=0.3/3000=0.1/20000=0.05", minimum="1"),
    CostModel(
        "changing",
        (
            Charge("flat", per_order=Decimal(2), until=date(1970, 1, 20)),
            Charge("flat", per_order=Decimal(3), sell=Decimal("0.1"), step=Decimal("0.05"), since=date(1970, 1, 20)),
            Charge("tax", Decimal(18), Decimal(18), of=("flat",)),
            Charge("capped", Decimal("0.5"), Decimal("0.5"), per_unit=Decimal("0.01"), most=Decimal(20)),
        ),
    ),
)


@dataclass(frozen=True)
class Case:
    """One random run."""

    seed: int
    histories: list[PriceHistory]
    strategy: Strategy
    terms: Terms


def make_case(seed: int) -> Case:
    """The random run of a seed: one to three symbols, 5 to 60 bars."""
    draw = np.random.default_rng(seed)
    span = int(draw.integers(5, 60))
    step = float(draw.choice([0.01, 0.05, 1.0, 0.001]))
    histories, columns = [], []
    for k in range(int(draw.integers(1, 4))):
        present = np.sort(draw.choice(span, max(2, int(span * draw.uniform(0.7, 1))), replace=False))
        history = _history(draw, f"S{k}", present, step)
        histories.append(history)
        columns.append(_signals(draw, history.bars))
    rule = str(draw.choice(["all", "shares:10", "value:5000", "percent:50", "risk:2", "percent:33.3"]))
    levels = {}
    if rule.startswith("risk") or draw.random() < 0.5:
        levels["stop"] = str(draw.choice(["1", "3", "5"]))
    if draw.random() < 0.4:
        levels["target"] = str(draw.choice(["2", "6"]))
    if draw.random() < 0.3:
        levels["trail"] = str(draw.choice(["1", "4"]))
    terms = make_terms(
        cash=str(draw.choice(["1000", "10000", "100000"])),
        size=rule,
        fees=str(draw.choice(["0", "10", "12.5"])),
        slippage=str(draw.choice(["0", "5", "50", "300"])),
        per_share=str(draw.choice(["0", "0.01"])),
        minimum=str(draw.choice(["0", "1"])),
        shared_cash=bool(draw.random() < 0.3),
        **levels,
    )
    terms, histories = _traded_otherwise(seed, terms, histories)
    return Case(seed, histories, scripted(histories, *columns), terms)


def _traded_otherwise(seed: int, terms: Terms, histories: list[PriceHistory]) -> tuple[Terms, list[PriceHistory]]:
    """A part of the runs fills at the close, has slippage that moves, or charges of a cost model."""
    draw = np.random.default_rng([seed, 1])
    costs = terms.costs
    if draw.random() < 0.35:
        parts = ["2.5", "spread:8", "volatility:7.5", "volume:3", "spread:3+volatility:12+volume:40", "volume:900"]
        costs = replace(costs, slippage_bps=Decimal(0), moving=Slippage.parse(str(draw.choice(parts))))
        histories = [replace(h, volume=draw.choice([1e3, 5e4, 123_456.5], h.bars)) for h in histories]
    if draw.random() < 0.4:
        model = MODELS[int(draw.integers(len(MODELS)))]
        costs = replace(costs, fee_bps=Decimal(0), per_share=Decimal(0), minimum_fee=Decimal(0), model=model)
    fill_at = "close" if draw.random() < 0.35 else None
    return replace(terms, costs=costs, fill_at=fill_at), histories


def _history(draw: np.random.Generator, symbol: str, present: np.ndarray, step: float) -> PriceHistory:
    count = len(present)
    swing = float(draw.choice([0.005, 0.02, 0.08]))
    adjusted = draw.random() < 0.3
    grid = 1e-8 if adjusted else step
    close = 100 * np.exp(np.cumsum(draw.normal(0, swing, count)))
    open_ = close * np.exp(draw.normal(0, swing, count) * draw.choice([0, 1]))

    def on_grid(x: np.ndarray) -> np.ndarray:
        return np.maximum(np.round(np.round(x / grid) * grid, 8), grid)

    open_, close = on_grid(open_), on_grid(close)
    reach = [on_grid(np.abs(draw.normal(0, swing * 50, count))) * (draw.random(count) < 0.8) for _ in range(2)]
    high = np.round(np.maximum(open_, close) + reach[0], 8)
    low = np.minimum(open_, close)
    low = np.round(np.maximum(low - reach[1], np.minimum(grid, low)), 8)
    lot = draw.choice(["none", "1", "10", "0.001"])
    tick = "none" if adjusted else draw.choice(["none", str(step), str(round(step * 5, 6))])
    factors = np.where(np.arange(count) < count // 2, 0.123456789012, 0.2469135)
    return make_history(
        np.column_stack([open_, high, low, close]).tolist(),
        symbol=symbol,
        lot=None if lot == "none" else str(lot),
        tick=None if tick == "none" else str(Decimal(str(tick))),
        factor=factors.tolist() if adjusted else None,
        traded=(draw.random(count) > draw.choice([0, 0.1])).tolist(),
        days=present.tolist(),
        interval=DAY,
    )


def _signals(draw: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    often = draw.choice([0.05, 0.2, 0.5])
    columns = {
        name: draw.random(count) < often
        for name in ("entries", "exits", "short_entries", "short_exits")
        if draw.random() < 0.8
    }
    for name in ("stop", "target", "trail"):
        if draw.random() < 0.3:
            values = draw.choice([0.5, 1, 2, 5, 7.123456], count).astype(float)
            values[draw.random(count) < 0.3] = np.nan
            columns[name] = values
    if draw.random() < 0.2:
        sizes = draw.choice([1, 10, 50.0], count)
        sizes[draw.random(count) < 0.5] = np.nan
        columns["size"] = sizes
    return columns
