"""Buying and holding."""

import numpy as np

from workbench import Bars, Param, Signals, Strategy


class BuyAndHold(Strategy):
    """Long from the first bar on.

    It wishes to be long at every bar, so that a session that starts in mid-history buys too; a wish while long is
    ignored.
    """

    short = Param(False, doc="Sell short and hold instead.")

    def signals(self, bars: Bars) -> Signals:
        always = np.ones(len(bars), bool)
        return Signals(short_entries=always) if self.short else Signals(entries=always)

    @property
    def warmup(self) -> int:
        return 1
