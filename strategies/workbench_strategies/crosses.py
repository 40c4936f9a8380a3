"""Strategies on two lines that cross."""

from workbench import Bars, Param, Signals, Strategy, cross_above, cross_below

MEMORY = 16
"""How many times its length an exponential average remembers for our purpose: after 16 lengths what came before
weighs exp(-32)."""


class SmaCross(Strategy):
    """Long while the fast simple average is above the slow one; short below, where asked."""

    fast = Param(20, low=2, high=200, step=5, doc="Bars of the fast average.")
    slow = Param(50, low=3, high=400, step=10, doc="Bars of the slow average.")
    shorts = Param(False, doc="Go short while the fast average is below the slow one.")

    def check(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast must be below slow, not {self.fast} against {self.slow}")

    def signals(self, bars: Bars) -> Signals:
        fast, slow = bars.sma(self.fast), bars.sma(self.slow)
        up, down = cross_above(fast, slow), cross_below(fast, slow)
        return Signals(entries=up, short_entries=down) if self.shorts else Signals(entries=up, exits=down)

    @property
    def warmup(self) -> int:
        return self.slow + 1


class EmaCross(Strategy):
    """Long while the fast exponential average is above the slow one; short below, where asked."""

    fast = Param(12, low=2, high=100, step=2, doc="Bars of the fast average.")
    slow = Param(48, low=3, high=400, step=8, doc="Bars of the slow average.")
    shorts = Param(False, doc="Go short while the fast average is below the slow one.")

    def check(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast must be below slow, not {self.fast} against {self.slow}")

    def signals(self, bars: Bars) -> Signals:
        fast, slow = bars.ema(self.fast), bars.ema(self.slow)
        up, down = cross_above(fast, slow), cross_below(fast, slow)
        return Signals(entries=up, short_entries=down) if self.shorts else Signals(entries=up, exits=down)

    @property
    def warmup(self) -> int:
        return MEMORY * self.slow


class MacdTrend(Strategy):
    """Long while MACD is above its signal line; short below, where asked."""

    fast = Param(12, low=2, high=60, step=2, doc="Bars of the fast average.")
    slow = Param(26, low=3, high=120, step=4, doc="Bars of the slow average.")
    signal = Param(9, low=2, high=60, step=2, doc="Bars of the signal line.")
    shorts = Param(False, doc="Go short while MACD is below its signal line.")

    def check(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast must be below slow, not {self.fast} against {self.slow}")

    def signals(self, bars: Bars) -> Signals:
        line, signal, _ = bars.macd(self.fast, self.slow, self.signal)
        up, down = cross_above(line, signal), cross_below(line, signal)
        return Signals(entries=up, short_entries=down) if self.shorts else Signals(entries=up, exits=down)

    @property
    def warmup(self) -> int:
        return MEMORY * (self.slow + self.signal)
