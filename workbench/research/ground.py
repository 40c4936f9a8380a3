"""Ground: bars and terms laid out for the compiled pass, and pieces of a sweep worked on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.fills import Terms, measure, rate_of_percent
from workbench.fills.drift import A_WORD, pack, quotes_of, tables_of
from workbench.model import SizeRule
from workbench.research.measured import FIGURES, figures_of
from workbench.research.metrics import Metrics, run_metrics
from workbench.research.tape import Tape
from workbench.research.trades import trades_of
from workbench.strategy import Bars, Columns, Signals, Strategy, compile_columns

Floats = NDArray[np.float64]
Flags = NDArray[np.uint8]
"""A row of bytes for each set, with eight bars in each; see `drift.pack`."""
Piece = tuple[int, Floats, dict[int, str]]
"""The place of the first set, a row of figures for each, and by place in the piece why a set has none."""
AT_ONCE = 256
"""Sets of one compiled call, where bars are few."""
CELLS = 4_000_000
"""Flags of one compiled call at most: sets times bars."""
_BOOL = np.dtype(np.bool_)
_FLAGS = ("entries", "exits", "short_entries", "short_exits")
_NUMBERS = ("size", "stop", "target", "trail")


class Ready(NamedTuple):
    """Sets that have answered, laid out for the compiled pass: the place of the first, how many, why some have no
    answer, and the arrays."""

    first: int
    sets: int
    failed: dict[int, str]
    arrays: tuple[NDArray[Any], ...]


class _How(NamedTuple):
    """How a set trades: size rule and amount, stop, target and trail as rates, and whether it fills at the close."""

    rule: int
    amount: float
    rates: tuple[int, ...]
    at_close: bool


_NOTHING = Signals()
_AS_IT_COMES = _How(0, 0.0, (0, 0, 0), False)


class Ground:
    """Bars and terms laid out for the compiled pass; several symbols go the way a backtest goes.

    Simulated are the bars of the tape from `first` up to, not including, `stop`; strategies see the bars before too,
    and none from `stop` on.
    """

    def __init__(self, tape: Tape, terms: Terms, first: int = 0, stop: int | None = None) -> None:
        self.tape, self.terms = tape, terms
        self.first, self.stop = first, len(tape) if stop is None else stop
        self._length = self.stop - self.first
        seen = [int(np.searchsorted(places, self.stop)) for places in tape.places]
        self.bars = [Bars(**h.columns) for h in tape.histories]
        if self.stop < len(tape):
            self.bars = [bars.rows(0, rows) for bars, rows in zip(self.bars, seen, strict=True)]
        self.periods = max(h.periods_per_year for h in tape.histories)
        self._known: dict[object, _How] = {}
        self._spare: list[Flags] = []
        self.is_single = len(tape.symbols) == 1
        if self.is_single:
            window = slice(self.first, self.stop)
            self.prices = [np.ascontiguousarray(a[window, 0]) for a in (tape.high, tape.low, tape.close)]
            self.mark = np.nan_to_num(tape.marks()[window, 0])
            self.drift = tables_of(self.mark)
            slip, impact = tape.slipping(terms.costs.slippage, window)
            self.costs = slip, impact, terms.costs.table(), terms.costs.epochs(tape.times[window])
            factor, traded = tape.factor[window, 0], tape.traded[window, 0]
            self.quotes = quotes_of(tape.open[window, 0], self.mark, factor, traded, slip, impact, int(tape.tick[0]))

    def __len__(self) -> int:
        return self._length

    def at_once(self, sets: int, workers: int) -> int:
        """How many sets make a piece."""
        return max(1, min(AT_ONCE, CELLS // max(len(self), 1), -(-sets // (4 * workers))))

    def evaluate(self, first: int, candidates: Sequence[Strategy]) -> Piece:
        """The figures of some sets, and why some have none."""
        if not self.is_single:
            return self._one_by_one(first, candidates)
        return self.measured(self.ready(first, candidates))

    def warm_up(self) -> None:
        """Have the compiled part loaded, so that it does not count."""
        compile_columns()
        if self.is_single:
            pack(np.zeros(len(self), np.bool_), self._blank(1), 0)
            self.measured(self._laid_out(0, [_AS_IT_COMES], [None] * len(_FLAGS), [{}] * len(_NUMBERS), {}))

    def ready(self, first: int, candidates: Sequence[Strategy]) -> Ready:
        """Ask the sets, and lay out what they answer, each at once: memory that is kept has to be found anew."""
        failed, ways = dict[int, str](), list[_How]()
        flags: list[Flags | None] = [None] * len(_FLAGS)
        numbers: list[dict[int, Any]] = [{} for _ in _NUMBERS]
        for i, candidate in enumerate(candidates):
            try:
                way = self._how(candidate)  # a set's own size or level may be one that cannot be
                answer = _answer(candidate, self.bars[0])
            except WorkbenchError as error:
                failed[i] = str(error)
                way, answer = _AS_IT_COMES, _NOTHING
            ways.append(way)
            self._lay(answer, i, len(candidates), flags)
            if not (answer.size is answer.stop is answer.target is answer.trail is None):
                for rows, column in zip(numbers, (answer.size, answer.stop, answer.target, answer.trail), strict=True):
                    if column is not None:
                        rows[i] = self._cut(column)
        return self._laid_out(first, ways, flags, numbers, failed)

    def _lay(self, answer: Signals, row: int, sets: int, flags: list[Flags | None]) -> None:
        """Put a set's flags into its row; of a flag that no set had so far there are no rows yet."""
        columns: tuple[Any, ...] = (answer.entries, answer.exits, answer.short_entries, answer.short_exits)
        for i, column in enumerate(columns):
            rows = flags[i]
            if column is None:
                if rows is not None:
                    rows[row] = 0
                continue
            if rows is None:
                rows = flags[i] = self._blank(sets)
                rows[:row] = 0
            cut = column[self.first :] if self.first else column
            pack(cut if cut.flags.carray else cut.copy(), rows, row)  # compiled for the plain kind of array alone

    def _blank(self, sets: int) -> Flags:
        """Rows for so many sets, used before where there are some."""
        while self._spare:
            rows = self._spare.pop()
            if len(rows) >= sets:
                return rows[:sets]
        return np.empty((sets, -(-len(self) // A_WORD) * A_WORD // 8), np.uint8)

    def _laid_out(
        self, first: int, ways: list[_How], flags: Sequence[Flags | None],
        numbers: Sequence[Mapping[int, Any]], failed: dict[int, str],
    ) -> Ready:  # fmt: skip
        count = len(ways)
        kinds = ways[:1] if ways.count(ways[0]) == count else ways  # nearly always all trade alike
        rules, amounts, usual, closes = (
            np.repeat(np.array(c), count // len(kinds), 0) for c in zip(*kinds, strict=True)
        )
        none = np.empty((count, 0), np.uint64)
        rows = [none if given is None else given.view(np.uint64) for given in flags]
        size, *levels = numbers
        rates = [self._rates(given, usual[:, i]) for i, given in enumerate(levels)]
        return Ready(first, count, failed, (*rows, self._sizes(size, count), *rates, rules, amounts, closes))

    def measured(self, ready: Ready) -> Piece:
        """The figures of sets that have answered; nearly all of it is compiled, and holds no lock."""
        bars, cash = len(self), float(self.terms.cash)
        *answers, at_close = ready.arrays
        sums = np.empty((ready.sets, measure.SUMS))
        measure.measure(
            self.quotes, *self.prices, self.mark, *answers, float(self.tape.lot[0]), int(self.tape.tick[0]), cash,
            *self.costs, at_close, *self.drift, sums,
        )  # fmt: skip
        self._spare += [rows if rows.base is None else rows.base for rows in answers[:4] if rows.shape[1]]
        return ready.first, figures_of(sums, bars, cash, self.periods), ready.failed

    def _how(self, candidate: Strategy) -> _How:
        """How a set trades; most sets trade alike."""
        own = candidate.size, candidate.stop, candidate.target, candidate.trail, candidate.fill_at
        found = self._known.get(own)
        if found is None:
            self.terms.check_for(candidate)
            size, levels = self.terms.size_for(candidate), self.terms.protection_for(candidate)
            rates = tuple(
                0 if level is None else rate_of_percent(float(level))
                for level in (levels.stop, levels.target, levels.trail)
            )
            at_close = self.terms.at_close(candidate)
            found = _How(list(SizeRule).index(size.rule), float(size.amount or 0), rates, at_close)
            self._known[own] = found
        return found

    def _rates(self, given: Mapping[int, Any], usual: NDArray[np.int64]) -> NDArray[np.int64]:
        """A level of each set as integer rates: one column where each has the declared one at every bar."""
        if not given:
            return np.ascontiguousarray(usual)[:, None]
        found = np.repeat(usual[:, None], len(self), axis=1)
        for row, column in given.items():
            known = ~np.isnan(column)
            found[row, known] = np.rint(column[known] * 1_000_000).astype(np.int64)
        return found

    def _sizes(self, given: Mapping[int, Any], sets: int) -> Floats:
        """The sizes the sets ask for, a row each, NaN for none; of no width where no set asks for any."""
        if not given:
            return np.empty((sets, 0))
        found = np.full((sets, len(self)), np.nan)
        for row, column in given.items():
            found[row] = column
        return found

    def _cut(self, column: Any) -> Any:
        """A column of an answer, which begins with the tape, from the first bar that is simulated on."""
        return column[self.first :] if self.first else column

    def _one_by_one(self, first: int, candidates: Sequence[Strategy]) -> Piece:
        rows, failed = np.full((len(candidates), len(FIGURES)), np.nan), dict[int, str]()
        for i, candidate in enumerate(candidates):
            try:
                found = self.run(candidate)
            except WorkbenchError as error:
                failed[i] = str(error)
                continue
            rows[i] = [np.nan if found[name] is None else float(found[name] or 0) for name in FIGURES]
        return first, rows, failed

    def run(self, candidate: Strategy) -> Metrics:
        """The figures of one set, the way a backtest goes. Raises StrategyFault."""
        tape, first, stop = self.tape, self.first, self.stop
        self.terms.check_for(candidate)
        answers = [_padded(answer_on(candidate, b), h.bars) for b, h in zip(self.bars, tape.histories, strict=True)]
        outcome = tape.run_of(candidate, answers, self.terms, first, stop)
        trades = trades_of(tape, outcome, first, stop)
        held = np.zeros((len(self), len(tape.symbols)), np.bool_)
        for trade in trades:
            left = stop if trade.exit_idx is None else trade.exit_idx
            held[trade.entry_idx - first : left - first, tape.symbols.index(trade.symbol)] = True
        exposure = float(held.any(axis=1).mean()) if len(held) else 0.0
        return run_metrics(outcome.equity, outcome.start_cash, self.periods, trades, exposure)


def answer_on(strategy: Strategy, bars: Bars) -> Columns:
    """A strategy's answer; it is not asked about a symbol that has no bars yet."""
    return strategy.answer(bars) if len(bars) else Signals().columns(0, "")


def _padded(answer: Columns, length: int) -> Columns:
    """An answer on the first bars, made as long as the history with rows that say nothing."""
    if len(answer) == length:
        return answer

    def pad(column: NDArray[Any]) -> NDArray[Any]:
        rest = np.full(length - len(column), False if column.dtype == np.bool_ else np.nan, column.dtype)
        return np.concatenate([column, rest])

    return Columns(*(pad(getattr(answer, name)) for name in Columns.__dataclass_fields__))


def _answer(strategy: Strategy, bars: Bars) -> Signals:
    """A set's answer; each set is an instance of its own, asked once. Columns that are as they should be stay as is."""
    given, count = strategy.ask(bars), len(bars)
    shape = (count,)
    for value in (given.entries, given.exits, given.short_entries, given.short_exits):
        if value is None:
            continue
        if type(value) is not np.ndarray or value.dtype != _BOOL or value.shape != shape:
            return _checked(given, count, type(strategy).__name__)
    if given.size is given.stop is given.target is given.trail is None:
        return given
    return _checked(given, count, type(strategy).__name__)


def _checked(given: Signals, bars: int, name: str) -> Signals:
    """An answer as checked columns, numbers that say nothing left out."""
    columns = given.columns(bars, name)
    numbers = {n: None if np.isnan(getattr(columns, n)).all() else getattr(columns, n) for n in _NUMBERS}
    return Signals(*(getattr(columns, flag) for flag in _FLAGS), **numbers)
