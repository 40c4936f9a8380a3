"""backtesting.py on the bars of a file: `peer_backtesting.py FILE BARS FAST SLOW SIZE FEE_RATE`; prints JSON.

Only `run` is timed: the indicators, the loop over bars, and the statistics it always works out.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover
from bars import load

file, count, fast, slow, size, fee = sys.argv[1], *map(int, sys.argv[2:6]), float(sys.argv[6])


def sma(values: pd.Series, n: int) -> pd.Series:
    return pd.Series(values).rolling(n).mean()


class SmaCross(Strategy):
    def init(self) -> None:
        self.fast, self.slow = self.I(sma, self.data.Close, fast), self.I(sma, self.data.Close, slow)

    def next(self) -> None:
        if crossover(self.fast, self.slow):
            self.buy(size=size)
        elif crossover(self.slow, self.fast) and self.position:
            self.position.close()


columns = load(file, count)
frame = pd.DataFrame(
    {name.capitalize(): columns[name] for name in ("open", "high", "low", "close")},
    index=pd.DatetimeIndex(columns["times"].view("M8[ns]")),
)
warnings.filterwarnings("ignore")
test = Backtest(frame, SmaCross, cash=100_000, commission=fee)
began = time.perf_counter()
found = test.run()
seconds = time.perf_counter() - began
print(json.dumps({"bars": len(frame), "seconds": seconds, "trades": int(found["# Trades"])}))  # noqa: T201
