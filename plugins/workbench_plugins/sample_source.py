"""The bundled sample: real daily prices that arrive with bokeh_sampledata."""

from datetime import date

import pandas as pd

from workbench.errors import BadInput, UnknownName
from workbench.model import Instrument, decimal
from workbench.ports import DataRequest, PriceTable

VENUES = {"AAPL": "NASDAQ", "FB": "NASDAQ", "GOOG": "NASDAQ", "IBM": "NYSE", "MSFT": "NASDAQ"}
AS_OF = date(2013, 3, 1)
NOTES = (
    "prices are adjusted for splits and dividends, also for later ones: their level was not known on the day",
    "survivor-biased sample: five companies chosen afterwards, as of 2013-03-01",
)


class SampleSource:
    """Five US companies, 2000-03-01 (GOOG 2004, FB 2012) to 2013-03-01; daily, NYSE calendar, adjusted, lots of 1."""

    def symbols(self) -> list[str]:
        """The five."""
        return sorted(VENUES)

    def load(self, request: DataRequest) -> PriceTable:
        """All bars of one symbol, raw, with the factor adjusted close ÷ close."""
        symbol = request.symbol.upper()
        if symbol not in VENUES:
            raise UnknownName("symbol", request.symbol, VENUES)
        if request.tick is not None:
            raise BadInput("tick", request.tick, f"{symbol} has adjusted prices, which have no tick", "leave it out")
        from bokeh_sampledata import stocks

        frame = pd.DataFrame(getattr(stocks, symbol)).rename(columns={"date": "time"})
        frame["factor"] = frame["adj_close"] / frame["close"]
        lot = request.lot if request.lot is not None else decimal("lot", 1)
        instrument = Instrument(symbol, "USD", lot=lot, adjusted=True, venue=VENUES[symbol])
        return PriceTable(frame.drop(columns="adj_close"), instrument, calendar="NYSE", as_of=AS_OF, notes=NOTES)
