"""Run the loopback server by hand: it prints its addresses and its key, and moves no market of its own."""

from __future__ import annotations

import argparse
import sys
import threading

from workbench.testing.openalgo.server import OpenAlgoServer
from workbench.testing.openalgo.values import MASTER, Quirks


def main() -> None:
    """Serve until interrupted, every symbol quoted at 100 with a tick between bid and ask."""
    parser = argparse.ArgumentParser(prog="python -m workbench.testing.openalgo", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="HTTP port; 0 takes a free one")
    parser.add_argument("--ws-port", type=int, default=0, help="WebSocket port; 0 takes a free one")
    parser.add_argument("--api-key", default="", help="the key; without it a random one is made")
    parser.add_argument("--sandbox", action="store_true", help="start in analyzer mode")
    parser.add_argument("--echo-tag", action="store_true", help="the order book tells the strategy")
    asked = parser.parse_args()
    server = OpenAlgoServer(
        Quirks(echo_tag=asked.echo_tag), port=asked.port, ws_port=asked.ws_port, api_key=asked.api_key
    )
    server.exchange.analyze = asked.sandbox
    for listing in MASTER.values():
        server.exchange.set_quote(listing.symbol, listing.exchange, 100, 100 + listing.tick, 100, 1000)
    with server:
        sys.stdout.write(f"http {server.url}\nws   {server.ws_url}\nkey  {server.api_key}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("stopped\n")


if __name__ == "__main__":
    main()
