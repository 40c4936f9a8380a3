"""A run as a `vectorbt.Portfolio`, made by its constructor from order records."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from workbench.fills import Terms
from workbench.research.tape import Outcome, Tape

if TYPE_CHECKING:
    import pandas as pd
    import vectorbt


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
