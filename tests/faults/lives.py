"""One seed of the fault harness: what is asked of the order path, life after life, until it is left alone."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event

import workbench.store.lease as lease_module
import workbench.store.orders as orders_module
from tests.faults.disk import syncs_fail
from tests.faults.wire import ACCOUNT, WireBroker
from tests.faults.world import Killer
from tests.support import research_chain, stand
from workbench.model import (
    FINAL,
    Action,
    Direction,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Signal,
    SizeRequest,
    SizeRule,
    Stage,
    Ticket,
)  # fmt: skip
from workbench.store import Lease, SqlDriftBook, SqlOrderRepository, TradingDatabase
from workbench.trading import Hours, Ledger, OrderManager, Reconciler

NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)
SYMBOLS = ("X", "Y", "Z")
FASTER = 60
"""The reconciler's clock against the wall's."""
LISTED_WITHIN = 3.0
"""Seconds of the reconciler's clock, 50 ms: the exchange lists what it took within 20, and takes the late in 20."""
UNDER_WAY = (OrderState.SENDING, OrderState.CANCEL_PENDING, OrderState.MODIFY_PENDING, OrderState.READY)


@dataclass(frozen=True)
class Trouble:
    """What befalls one life besides the broker."""

    kill_at: int | None = None
    syncs_fail_at: int | None = None
    syncs_fail_at_send: int | None = None
    busy: bool = False
    full: bool = False
    jump: float = 0.0


@dataclass(frozen=True)
class Parts:
    """The parts of the order path a mutant may replace."""

    manager: type[OrderManager] = OrderManager
    reconciler: type[Reconciler] = Reconciler
    broker: type[WireBroker] = WireBroker
    change: Callable[[WireBroker], None] = lambda broker: None
    lag: float = 0.02
    """Seconds after which at the latest the exchange lists what it took."""


def wishes(seed: int) -> list[tuple[str, Any]]:
    """What a seed wants: trades, exits and cancels."""
    rng, found = random.Random(seed), list[tuple[str, Any]]()
    for nth in range(7):
        kind = rng.choice(("trade", "trade", "trade", "limit", "limit", "exit", "cancel"))
        found.append((kind, (nth, rng.choice(SYMBOLS), rng.choice(list(Direction)), rng.randrange(1, 9))))
    return found


class Life:
    """The order path of one process over the files of a folder."""

    def __init__(self, folder: Path, seed: int, port: int, mode: str, trouble: Trouble, parts: Parts) -> None:
        self.seed, self.trouble = seed, trouble
        self.killer = Killer(trouble.kill_at, trouble.syncs_fail_at)
        self._began, self._offset = time.monotonic(), timedelta(0)
        self.database = TradingDatabase(folder / "trading.db")
        self._trouble_file(folder / "trading.db")
        stand_once(self.database)
        for module in (lease_module, orders_module):
            module.wall = lambda: datetime.now(UTC) + self._offset
        self.lease = Lease(self.database, "engine", seconds=600)
        self.lease.take()
        self.repository = SqlOrderRepository(self.database, self.lease)
        self._fail_at_send(trouble.syncs_fail_at_send)
        self.broker = parts.broker(port, mode, LISTED_WITHIN, self.killer.point)
        parts.change(self.broker)
        self.ledger = Ledger.rebuilt({ACCOUNT: Decimal(100_000)}, self.repository.books(ACCOUNT))
        for symbol in SYMBOLS:
            self.ledger.mark(symbol, Decimal(100))
        instruments = {symbol: Instrument(symbol, lot=Decimal(1)) for symbol in SYMBOLS}
        self.manager = parts.manager(
            self.repository, self.broker, research_chain(), self.ledger, instruments, NOW, hours=Hours(ZoneInfo("UTC"))
        )
        self.drifts = SqlDriftBook(self.database)
        self.reconciler = parts.reconciler(self.manager, ACCOUNT, self.drifts, self.elapsed)

    def elapsed(self) -> float:
        return (time.monotonic() - self._began) * FASTER

    def _fail_at_send(self, nth: int | None) -> None:
        """The disk fails as the n-th order is about to be sent."""
        authorise, sends = self.repository.authorise, 0

        def failing(order: Order, at: datetime) -> str:
            nonlocal sends
            sends += 1
            if sends == nth:
                syncs_fail()
            return authorise(order, at)

        if nth is not None:
            self.repository.authorise = failing  # type: ignore[method-assign]

    def _trouble_file(self, file: Path) -> None:
        """Kills around commits, a writer that holds the file, a disk that fills up."""
        dialect = self.database.engine.dialect
        commit = dialect.do_commit

        def killed_around(connection: Any) -> None:
            self.killer.point()
            commit(connection)
            self.killer.point()

        dialect.do_commit = killed_around  # type: ignore[method-assign]
        if self.trouble.full:
            pages = sqlite3.connect(file).execute("PRAGMA page_count").fetchone()[0]

            @event.listens_for(self.database.engine, "connect")
            def _fill_up(connection: Any, record: Any) -> None:
                connection.execute(f"PRAGMA max_page_count = {pages + 1}")

            self.database.engine.dispose()
        if self.trouble.busy:

            @event.listens_for(self.database.engine, "connect")
            def _impatient(connection: Any, record: Any) -> None:
                connection.execute("PRAGMA busy_timeout = 0")

            self.database.engine.dispose()
            self._other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

    def start(self) -> None:
        """Reconcile as a session does: where the broker does not answer, again in a while."""
        for _ in range(200):
            try:
                self.reconciler.start()
                return
            except Exception as error:
                if "does not answer" not in str(error):
                    raise
                time.sleep(0.005)
        raise RuntimeError("the broker never answered")

    def run(self) -> None:
        """Ask for everything the seed wants; what was asked for in an earlier life is the same wish."""
        rng = random.Random(f"{self.seed} {self.trouble}")
        self.start()
        for kind, wish in wishes(self.seed):
            if self.trouble.jump and rng.random() < 0.3:
                self._offset += timedelta(hours=rng.choice((-1, 1)) * self.trouble.jump)
            if self.trouble.busy and rng.random() < 0.1:
                self._other.execute("BEGIN IMMEDIATE")
            try:
                self.ask(kind, wish)
            finally:
                if self.trouble.busy and self._other.in_transaction:
                    self._other.execute("ROLLBACK")
            self.tend()
        for _ in range(20):
            self.tend()

    def ask(self, kind: str, wish: Any) -> None:
        nth, symbol, direction, size = wish
        key = f"{self.seed}|{nth}"
        if kind == "cancel":
            for order in self.repository.open_orders(ACCOUNT, symbol):
                self.manager.cancel(order.order_id)
            return
        at = NOW + timedelta(minutes=nth)
        ticket = Ticket(OrderType.LIMIT, Decimal(100)) if kind == "limit" else Ticket()
        action = Action.EXIT if kind == "exit" else Action.TRADE
        self.manager.handle(
            Signal(
                "harness",
                key,
                "s",
                ACCOUNT,
                symbol,
                action,
                direction,
                at,
                at,
                Decimal(100),
                size=SizeRequest(SizeRule.SHARES, Decimal(size)),
                ticket=ticket,
            )
        )

    def tend(self) -> None:
        """What a session does between two instants."""
        self.broker.deliver()
        self.reconciler.step()
        self.manager.monitor.look(ACCOUNT, {})

    def settle(self) -> None:
        """Cancel what rests and go on until nothing waits for an answer any more, or for two seconds."""
        self.start()
        for kind, wish in wishes(self.seed):
            self.ask(kind, wish)
            self.tend()
        end = time.monotonic() + 3.0
        quiet = 0
        while time.monotonic() < end and quiet < 3:
            for order in self.repository.open_orders(ACCOUNT):
                if order.state in (OrderState.ACKED, OrderState.PARTIAL, OrderState.HELD, OrderState.EXTERNAL):
                    self.manager.cancel(order.order_id)
            self.tend()
            self.reconciler.look()
            states = {o.state for o in self.repository.open_orders(ACCOUNT)}
            waits = states & set(UNDER_WAY) or self.manager.answers.missing
            proves = self.broker.capabilities.resend != "blind" and OrderState.UNKNOWN in states
            quiet = 0 if waits or proves else quiet + 1
            time.sleep(0.01)

    def facts(self) -> dict[str, Any]:
        """What the books say at the end."""
        orders = self.repository.orders()
        written = self.repository.journal_of("order", [order.order_id for order in orders])
        sent = {line["subject"] for line in written if line.get("event") == "authorise"}
        return {
            "orders": [
                {"client_id": o.client_order_id, "broker_id": o.broker_id, "state": o.state.value, "symbol": o.symbol,
                 "filled": int(o.filled), "strategy": o.strategy, "final": o.state in FINAL, "reason": o.reason,
                 "sent": o.order_id in sent}
                for o in orders
            ],
            "positions": {p.symbol: 0 for p in self.ledger.positions(ACCOUNT)}
            | _net(self.ledger.positions(ACCOUNT)),
            "cash": f"{self.ledger.cash(ACCOUNT):.2f}",
            "drifts": [{"symbol": d.symbol, "words": d.words} for d in self.drifts.open(ACCOUNT)],
            "signals": len(self.repository.signals()),
            "balanced": sum(self.ledger.balances(ACCOUNT).values(), Decimal(0)) == 0,
        }  # fmt: skip


def _net(positions: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for position in positions:
        found[position.symbol] = found.get(position.symbol, 0) + int(position.size)
    return {symbol: size for symbol, size in found.items() if size}


def stand_once(database: TradingDatabase) -> None:
    """A strategy that may trade."""
    from workbench.store import SqlStageBook

    if SqlStageBook(database).get("s") is None:
        stand(database, "s", ACCOUNT, Stage.PAPER)
