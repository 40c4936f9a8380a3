"""A strategy that looks ahead, on purpose: the demo shows how the proofs refuse it. Never trade it."""

import numpy as np

from workbench import Bars, Signals, Strategy


class PeeksAhead(Strategy):
    """Buys the day before a rise, which it can only know from the next bar's close."""

    def signals(self, bars: Bars) -> Signals:
        tomorrow = np.append(bars.close[1:], np.nan)
        return Signals(entries=tomorrow > bars.close * 1.01, exits=tomorrow < bars.close * 0.99)
