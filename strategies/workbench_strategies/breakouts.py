"""Strategies that follow a breakout."""

from workbench import Bars, Param, Signals, Strategy, shift


class DonchianBreakout(Strategy):
    """Long when the close passes the highest high of the bars before, out below their lowest low.

    Short below the lowest low alike, where asked.
    """

    entry = Param(20, low=2, high=250, step=5, doc="Bars of the channel that opens.")
    exit = Param(10, low=2, high=250, step=5, doc="Bars of the channel that closes.")
    shorts = Param(False, doc="Sell short below the lowest low of the opening channel.")

    def signals(self, bars: Bars) -> Signals:
        close = bars.close
        longs = {
            "entries": close > shift(bars.highest(self.entry)),
            "exits": close < shift(bars.lowest(self.exit)),
        }
        if not self.shorts:
            return Signals(**longs)
        return Signals(
            **longs,
            short_entries=close < shift(bars.lowest(self.entry)),
            short_exits=close > shift(bars.highest(self.exit)),
        )

    @property
    def warmup(self) -> int:
        return max(self.entry, self.exit) + 1
