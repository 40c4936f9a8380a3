"""A run as a `vectorbt.Portfolio`, made by its constructor from order records."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import BadInput
from workbench.fills import Terms
from workbench.research.tape import Outcome, Tape

if TYPE_CHECKING:
    import pandas as pd
    import vectorbt

    from workbench.model import Fill


def as_portfolio(tape: Tape, outcome: Outcome, index: pd.DatetimeIndex, terms: Terms) -> vectorbt.Portfolio:
    """The portfolio of an outcome: a Series-like one for one symbol, a column a symbol for many.

    Closes are forward-filled, since a NaN last close would give a wrong P&L. Annualise with
    `year_freq` = the run's periods a year; vectorbt's own default is 365 days.
    """
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party deprecations at import
        import vectorbt as vbt

    marks = tape.marks()
    first = np.argmax(~np.isnan(marks), axis=0)
    for c in range(marks.shape[1]):  # before a symbol's first bar nothing is held; any price will do
        marks[: first[c], c] = marks[first[c], c]
    single = len(tape.symbols) == 1
    close = pd.Series(marks[:, 0], index, name=tape.symbols[0]) if single else pd.DataFrame(marks, index, tape.symbols)
    frequency = pd.Timedelta(tape.histories[0].interval_ns, "ns")
    shared = terms.shared_cash and not single
    wrapper = vbt.ArrayWrapper(
        index=index,
        columns=[tape.symbols[0]] if single else tape.symbols,
        ndim=1 if single else 2,
        freq=frequency,
        group_by=np.zeros(len(tape.symbols), np.int64) if shared else None,
    )
    groups = 1 if terms.shared_cash else len(tape.symbols)
    return vbt.Portfolio(
        wrapper,
        close,
        outcome.orders,
        np.empty(0, vbt.portfolio.enums.log_dt),
        init_cash=np.full(groups, float(terms.cash) / groups),
        cash_sharing=shared,
    )


def portfolio_of_fills(closes: pd.DataFrame, fills: Sequence[Fill], cash: float) -> vectorbt.Portfolio:
    """The portfolio of an account that traded live: its trading P&L in one currency.

    `closes` has a column a symbol over a UTC index of bar starts (a gap is filled with the close before it), `fills`
    lie on that index, `cash` is what the account began with, shared by its symbols. Raises BadInput for an account
    that was never marked, and for a fill outside the index.
    """
    import pandas as pd

    if closes.empty:
        raise BadInput("account", "its closes", "has traded no bar yet", "let its session run first")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party deprecations at import
        import vectorbt as vbt

    filled = closes.astype(float).ffill().bfill()
    rows = filled.index.get_indexer(pd.DatetimeIndex([fill.time for fill in fills], tz="UTC").as_unit("ns"))
    if (rows < 0).any():
        missing = fills[int(np.argmin(rows))]
        raise BadInput("fill", missing.fill_id, f"happened at {missing.time.isoformat()}, where no bar was traded")
    records = np.zeros(len(fills), vbt.portfolio.enums.order_dt)
    for i, (fill, row) in enumerate(zip(fills, rows, strict=True)):
        column = list(filled.columns).index(fill.symbol)
        side = 0 if fill.side.sign > 0 else 1
        records[i] = i, column, row, float(fill.size), float(fill.price), float(fill.fee), side
    records = records[np.lexsort((records["id"], records["col"]))]
    single = filled.shape[1] == 1
    gaps = np.diff(pd.DatetimeIndex(filled.index).as_unit("ns").asi8)
    wrapper = vbt.ArrayWrapper(
        index=filled.index,
        columns=list(filled.columns),
        ndim=1 if single else 2,
        freq=pd.Timedelta(int(gaps.min()) if len(gaps) else 86_400 * 10**9, "ns"),
        group_by=None if single else np.zeros(filled.shape[1], np.int64),
    )
    close = filled.iloc[:, 0] if single else filled
    return vbt.Portfolio(
        wrapper, close, records, np.empty(0, vbt.portfolio.enums.log_dt), init_cash=np.array([cash]),
        cash_sharing=not single,
    )  # fmt: skip
