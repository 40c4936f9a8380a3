"""Programs for a system-call trace: a server that answers, and an order manager that sends. `off` breaks the sync."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import workbench.store.trading as trading
from tests.doubles import ToldBroker
from tests.support import research_chain, stand
from workbench.model import Action, Direction, Instrument, Order, Signal, Stage
from workbench.store import Lease, SqlOrderRepository, TradingDatabase
from workbench.trading import Ledger, OrderManager

ORDERS = 5


class WireBroker(ToldBroker):
    """Sends a line over a socket for each order, so that the trace shows when."""

    def __init__(self) -> None:
        super().__init__()
        self.ours, self.theirs = socket.socketpair()

    def submit(self, order: Order) -> None:
        self.ours.sendall(f"ORDER {order.client_order_id}\n".encode())
        super().submit(order)


def send(home: Path) -> None:
    """A few entries, each on a symbol of its own."""
    database = TradingDatabase(home / "trading.db")
    lease = Lease(database, "engine", seconds=600)
    lease.take()
    stand(database, "s", "a", Stage.PAPER)
    now, ledger = datetime(2024, 1, 2, tzinfo=UTC), Ledger()
    ledger.open_account("a", Decimal(1_000_000))
    instruments = {f"X{i}": Instrument(f"X{i}", lot=Decimal(1)) for i in range(ORDERS)}
    manager = OrderManager(
        SqlOrderRepository(database, lease), WireBroker(), research_chain(), ledger, instruments, now
    )  # fmt: skip
    for symbol in instruments:
        signal = Signal(
            "test", symbol, "s", "a", symbol, Action.ENTRY, Direction.LONG, now, now, Decimal(100)
        )  # fmt: skip
        manager.handle(signal)


def main() -> None:
    what, home, sync = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if sync == "off":
        trading.TRADING = replace(trading.TRADING, synchronous="OFF")
    if what == "send":
        send(home)
        return
    from workbench_server import __main__ as server

    sys.argv = ["server", "--home", str(home), "--port", sys.argv[4], "--until-stdin-closes"]
    sys.exit(server.main())


if __name__ == "__main__":
    main()
