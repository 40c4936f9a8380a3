"""Strategies that bet on a return to the middle."""

from workbench import Bars, Param, Signals, Strategy, cross_above, cross_below


class RsiReversion(Strategy):
    """Buys when the RSI comes back up through oversold, sells at the middle; the mirror image short, where asked."""

    n = Param(14, low=2, high=100, step=2, doc="Bars of the RSI.")
    oversold = Param(30.0, low=1.0, high=50.0, step=5.0, doc="Below is oversold.")
    overbought = Param(70.0, low=50.0, high=99.0, step=5.0, doc="Above is overbought.")
    shorts = Param(False, doc="Sell short when the RSI comes back down through overbought.")

    def check(self) -> None:
        if self.oversold >= self.overbought:
            raise ValueError(f"oversold must be below overbought, not {self.oversold} against {self.overbought}")

    def signals(self, bars: Bars) -> Signals:
        rsi = bars.rsi(self.n)
        middle = (self.oversold + self.overbought) / 2
        longs = {"entries": cross_above(rsi, self.oversold), "exits": cross_above(rsi, middle)}
        if not self.shorts:
            return Signals(**longs)
        return Signals(**longs, short_entries=cross_below(rsi, self.overbought), short_exits=cross_below(rsi, middle))

    @property
    def warmup(self) -> int:
        return 32 * self.n


class BollingerReversion(Strategy):
    """Buys when the close falls below the lower band, sells at the middle; the mirror image short, where asked."""

    n = Param(20, low=2, high=200, step=5, doc="Bars of the bands.")
    width = Param(2.0, low=0.5, high=5.0, step=0.25, doc="Half-width of the bands in standard deviations.")
    shorts = Param(False, doc="Sell short when the close rises above the upper band.")

    def signals(self, bars: Bars) -> Signals:
        upper, middle, lower = bars.bollinger(self.n, self.width)
        longs = {"entries": cross_below(bars.close, lower), "exits": bars.close >= middle}
        if not self.shorts:
            return Signals(**longs)
        return Signals(**longs, short_entries=cross_above(bars.close, upper), short_exits=bars.close <= middle)

    @property
    def warmup(self) -> int:
        return self.n + 1
