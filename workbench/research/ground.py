"""Ground: bars and terms laid out for the compiled pass, and pieces of a sweep worked on it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.fills import Terms, rate_of_percent
from workbench.model import Protection, SizeRule
from workbench.research.measured import FIGURES, figures_of
from workbench.research.metrics import run_metrics
from workbench.research.tape import Tape
from workbench.research.trades import trades_of
from workbench.strategy import Bars, Signals, Strategy

Floats = NDArray[np.float64]
Piece = tuple[int, Floats, dict[int, str]]
"""The place of the first set, a row of figures for each, and by place in the piece why a set has none."""
AT_ONCE = 64
"""Sets of one compiled call, where bars are few."""
CELLS = 4_000_000
"""Flags of one compiled call at most: sets times bars."""
_FLAGS = ("entries", "exits", "short_entries", "short_exits")
_NUMBERS = ("size", "stop", "target", "trail")


class Ground:
    """Bars and terms laid out for the compiled pass; several symbols go the way a backtest goes."""

    def __init__(self, tape: Tape, terms: Terms) -> None:
        self.tape, self.terms = tape, terms
        self.bars = [Bars(**h.columns) for h in tape.histories]
        self.periods = max(h.periods_per_year for h in tape.histories)
        self._known_levels: dict[object, Protection] = {}
        self.is_single = len(tape.symbols) == 1
        if self.is_single:
            self.prices = [np.ascontiguousarray(a[:, 0]) for a in (tape.open, tape.high, tape.low, tape.close)]
            self.mark = np.nan_to_num(tape.marks()[:, 0])
            self.traded, self.factor = (np.ascontiguousarray(a[:, 0]) for a in (tape.traded, tape.factor))

    def at_once(self, sets: int, workers: int) -> int:
        """How many sets make a piece."""
        return max(1, min(AT_ONCE, CELLS // max(len(self.tape), 1), -(-sets // (4 * workers))))

    def evaluate(self, first: int, candidates: Sequence[Strategy]) -> Piece:
        """The figures of some sets, and why some have none."""
        if not self.is_single:
            return self._one_by_one(first, candidates)
        return self.measured(first, candidates, *self.asked(candidates))

    def warm_up(self, candidate: Strategy) -> None:
        """Have the compiled part loaded, so that it does not count."""
        if self.is_single:
            self.measured(0, [candidate], [Signals()], {})

    def asked(self, candidates: Sequence[Strategy]) -> tuple[list[Signals], dict[int, str]]:
        """The sets' answers, and why some have none."""
        answers, failed = [], dict[int, str]()
        for i, candidate in enumerate(candidates):
            try:
                answers.append(_answer(candidate, self.bars[0]))
            except WorkbenchError as error:
                failed[i] = str(error)
                answers.append(Signals())
        return answers, failed

    def measured(
        self, first: int, candidates: Sequence[Strategy], answers: Sequence[Signals], failed: dict[int, str]
    ) -> Piece:
        """The figures of sets that have answered."""
        from workbench.fills import measure

        terms, count, bars = self.terms, len(candidates), len(self.tape)
        whole = -(-bars // 8) * 8  # the compiled part looks at eight flags at a time
        flags = [_stacked([getattr(a, name) for a in answers], bars, np.bool_, False, whole) for name in _FLAGS]
        override = _stacked([a.size for a in answers], bars, np.float64, np.nan)
        levels = [self._levels(c) for c in candidates]
        rates = [
            _rates([getattr(a, name) for a in answers], [getattr(level, name) for level in levels], bars)
            for name in ("stop", "target", "trail")
        ]
        sizes = [terms.size_for(c) for c in candidates]
        sums = np.empty((count, measure.SUMS))
        measure.measure(
            *self.prices, self.mark, self.traded, self.factor, *flags, override, *rates,
            np.array([list(SizeRule).index(s.rule) for s in sizes]), np.array([float(s.amount or 0) for s in sizes]),
            float(self.tape.lot[0]), int(self.tape.tick[0]), float(terms.cash), terms.costs.slippage_rate,
            float(terms.costs.fee_bps * Decimal("1e-4")), float(terms.costs.per_share), float(terms.costs.minimum_fee),
            sums,
        )  # fmt: skip
        return first, figures_of(sums, bars, float(terms.cash), self.periods), failed

    def _levels(self, candidate: Strategy) -> Protection:
        """The levels that count for a set; most sets have the same."""
        key = candidate.stop, candidate.target, candidate.trail
        if key not in self._known_levels:
            self._known_levels[key] = self.terms.protection_for(candidate)
        return self._known_levels[key]

    def _one_by_one(self, first: int, candidates: Sequence[Strategy]) -> Piece:
        rows, failed = np.full((len(candidates), len(FIGURES)), np.nan), dict[int, str]()
        for i, candidate in enumerate(candidates):
            try:
                answers = [candidate.answer(bars) for bars in self.bars]
            except WorkbenchError as error:
                failed[i] = str(error)
                continue
            terms = self.terms
            outcome = self.tape.run(answers, terms, terms.size_for(candidate), terms.protection_for(candidate))
            trades = trades_of(self.tape, outcome)
            held = np.zeros((len(self.tape), len(self.tape.symbols)), np.bool_)
            for trade in trades:
                held[trade.entry_idx : trade.exit_idx, self.tape.symbols.index(trade.symbol)] = True
            exposure = float(held.any(axis=1).mean()) if len(held) else 0.0
            found = run_metrics(outcome.equity, outcome.start_cash, self.periods, trades, exposure)
            rows[i] = [np.nan if found[name] is None else float(found[name] or 0) for name in FIGURES]
        return first, rows, failed


def _answer(strategy: Strategy, bars: Bars) -> Signals:
    """A set's answer; each set is an instance of its own, asked once. Columns that are as they should be stay as is."""
    given, name = strategy.ask(bars), type(strategy).__name__
    shape = (len(bars),)
    for flag in _FLAGS:
        value = getattr(given, flag)
        if value is not None and not (type(value) is np.ndarray and value.dtype == np.bool_ and value.shape == shape):
            return _checked(given, len(bars), name)
    if any(getattr(given, number) is not None for number in _NUMBERS):
        return _checked(given, len(bars), name)
    return given


def _checked(given: Signals, bars: int, name: str) -> Signals:
    """An answer as checked columns, numbers that say nothing left out."""
    columns = given.columns(bars, name)
    numbers = {n: None if np.isnan(getattr(columns, n)).all() else getattr(columns, n) for n in _NUMBERS}
    return Signals(*(getattr(columns, flag) for flag in _FLAGS), **numbers)


def _stacked(columns: Sequence[Any], bars: int, dtype: Any, empty: Any, width: int | None = None) -> NDArray[Any]:
    """One row a set, as wide as asked for; of no width where no set has any."""
    if all(column is None for column in columns):
        return np.empty((len(columns), 0), dtype)
    found = np.empty((len(columns), width or bars), dtype)
    found[:, bars:] = empty
    for i, column in enumerate(columns):
        found[i, :bars] = empty if column is None else column
    return found


def _rates(given: Sequence[Any], declared: Sequence[Decimal | None], bars: int) -> NDArray[np.int64]:
    """A level of each set as integer rates: one column where each has the declared one at every bar."""
    usual = np.array([0 if level is None else rate_of_percent(float(level)) for level in declared], np.int64)
    if all(column is None for column in given):
        return usual[:, None]
    found = np.repeat(usual[:, None], bars, axis=1)
    for row, column in zip(found, given, strict=True):
        if column is not None:
            known = ~np.isnan(column)
            row[known] = np.rint(column[known] * 1_000_000).astype(np.int64)
    return found
