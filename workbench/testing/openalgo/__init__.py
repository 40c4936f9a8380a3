"""A loopback OpenAlgo server that speaks the real wire, for conformance and fault tests of its clients.

    with OpenAlgoServer() as server:
        server.exchange.set_quote("SBIN", "NSE", bid="99.95", ask="100.05")
        server.fail("placeorder", "drop_after")
        ...  # let the client under test trade against server.url with server.api_key
        assert len(server.taken) == 1

Facts about the wire were read in OpenAlgo's sources and documents in November 2026; files name where. It listens on
127.0.0.1 alone. By hand: `python -m workbench.testing.openalgo --port 5000`.
"""

from workbench.testing.openalgo.exchange import Exchange
from workbench.testing.openalgo.server import OpenAlgoServer
from workbench.testing.openalgo.values import Listing, Order, Quirks, Quote, Taken, Trade

__all__ = ["Exchange", "Listing", "OpenAlgoServer", "Order", "Quirks", "Quote", "Taken", "Trade"]
