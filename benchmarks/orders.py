"""From a signal to the broker call on SQLite with synchronous=FULL, beside a design that saves each step by itself.

    python benchmarks/orders.py [--json] [--signals 300] [--folder DIR]

Ours is the real order manager: intent in one transaction, authorised in another, then sent. The other is what most
systems of this kind do: an ORM session and a commit for each step. Both run by turns, on files in one folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from workbench import open_workbench
from workbench.model import Action, Direction, Instrument, Order, OrderState, Signal, SizeRequest, Stage
from workbench.ports import (
    BrokerCapabilities,
    BrokerHealth,
    BrokerListener,
    BrokerOrder,
    Execution,
    StageEvent,
    Standing,
    Version,
)
from workbench.store import Lease, SqlOrderRepository, SqlStageBook, TradingDatabase
from workbench.trading import Ledger, OrderManager

START = datetime(2024, 1, 2, tzinfo=UTC)
PRICE, SIZE = Decimal(100), 10
WARM_UP = 10
"""Signals at the start that are not counted: caches fill, statements are compiled."""


class Recorder:
    """A broker that takes every order at once and only remembers when it was called."""

    capabilities = BrokerCapabilities(resend="dedupes")
    market = None

    def __init__(self) -> None:
        self.called = 0.0
        self._listener: BrokerListener | None = None

    def connect(self, listener: BrokerListener) -> None:
        self._listener = listener

    def check(self, order: Order) -> str:
        return ""

    def submit(self, order: Order) -> None:
        self.called = time.perf_counter()
        assert self._listener is not None
        self._listener.on_order(
            BrokerOrder(
                order.account, order.symbol, order.side, order.size, OrderState.ACKED,
                client_order_id=order.client_order_id, broker_id=f"b-{order.client_order_id}",
            )
        )  # fmt: skip

    def modify(self, order: Order) -> None: ...

    def cancel(self, order: Order) -> None: ...

    def deliver(self) -> bool:
        return False

    def orders(self) -> Sequence[BrokerOrder]:
        return []

    def fills(self) -> Sequence[Execution]:
        return []

    def positions(self) -> Sequence[Any]:
        return []

    def cash(self, account: str) -> Decimal:
        return Decimal(0)

    def health(self) -> BrokerHealth:
        return BrokerHealth("paper")

    def close(self) -> None: ...


class Ours:
    """The order manager on a database of its own."""

    def __init__(self, folder: Path, signals: int) -> None:
        database = TradingDatabase(folder / "trading.db")
        lease = Lease(database, "engine", seconds=3_600)
        lease.take()
        version = Version("s", "s", "s", "code", {}, "sample:X", "data", {})
        event = StageEvent("s", Stage.RESEARCH, Stage.PAPER, True, START, "bench", "", None, version)
        SqlStageBook(database).record(event, Standing("s", Stage.PAPER, version, "a", START), None)
        ledger = Ledger()
        ledger.open_account("a", Decimal(10**9))
        instruments = {f"X{i}": Instrument(f"X{i}", lot=Decimal(1)) for i in range(signals)}
        self.broker = Recorder()
        self.manager = OrderManager(
            SqlOrderRepository(database, lease), self.broker, open_workbench(folder / "home").risk_chain(), ledger,
            instruments, START,
        )  # fmt: skip

    def handle(self, i: int) -> tuple[float, float]:
        """Seconds from the signal to the broker call, and to the end of all that is written of it."""
        at = START + timedelta(minutes=i)
        began = time.perf_counter()
        signal = Signal(
            "bench", f"k{i}", "s", "a", f"X{i}", Action.ENTRY, Direction.LONG, at, at, PRICE,
            size=SizeRequest.parse(f"shares:{SIZE}"),
        )  # fmt: skip
        (order,) = self.manager.handle(signal)
        ended = time.perf_counter()
        if order.state is not OrderState.ACKED:
            raise SystemExit(f"order {i} is {order.state}: {order.reason}")
        return self.broker.called - began, ended - began


class Base(DeclarativeBase):
    """The tables of the other design."""


class SignalRow(Base):
    __tablename__ = "signals"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    symbol: Mapped[str]
    action: Mapped[str]
    price: Mapped[str]
    at: Mapped[datetime]


class RiskRow(Base):
    __tablename__ = "risk"
    id: Mapped[int] = mapped_column(primary_key=True)
    signal_id: Mapped[int] = mapped_column(sa.ForeignKey("signals.id"), index=True)
    verdict: Mapped[str]
    size: Mapped[str]


class OrderRow(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    signal_id: Mapped[int] = mapped_column(sa.ForeignKey("signals.id"), index=True)
    account: Mapped[str]
    symbol: Mapped[str] = mapped_column(index=True)
    side: Mapped[str]
    size: Mapped[str]
    status: Mapped[str]
    broker_id: Mapped[str] = mapped_column(default="")


class SavePerStep:
    """Signal, risk, order, sent, acknowledged: each saved in a session and a commit of its own.

    It asks no more of the database than that: no journal, no fence, no lease, no verdict of each rule.
    """

    def __init__(self, folder: Path) -> None:
        self.engine = sa.create_engine(f"sqlite:///{folder / 'orm.db'}")

        @sa.event.listens_for(self.engine, "connect")
        def _durable(connection: Any, _: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

        Base.metadata.create_all(self.engine)

    def handle(self, i: int) -> tuple[float, float]:
        """Seconds from the signal to the broker call, and to the end of all that is written of it."""
        began = time.perf_counter()
        signal_id = self._save(SignalRow(key=f"k{i}", symbol=f"X{i}", action="entry", price=str(PRICE), at=START))
        with Session(self.engine) as session:
            working = session.scalars(
                sa.select(OrderRow).where(OrderRow.symbol == f"X{i}", OrderRow.status == "sent")
            ).all()
        self._save(RiskRow(signal_id=signal_id, verdict="deny" if working else "allow", size=str(SIZE)))
        order_id = self._save(
            OrderRow(signal_id=signal_id, account="a", symbol=f"X{i}", side="buy", size=str(SIZE), status="new")
        )
        self._update(order_id, status="sent")
        called = time.perf_counter()
        self._update(order_id, status="acknowledged", broker_id=f"b-{order_id}")
        return called - began, time.perf_counter() - began

    def _save(self, row: Any) -> int:
        with Session(self.engine) as session:
            session.add(row)
            session.commit()
            return int(row.id)

    def _update(self, order_id: int, **values: str) -> None:
        with Session(self.engine) as session:
            row = session.get_one(OrderRow, order_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.commit()


def fdatasync_ms(folder: Path, times: int = 300) -> float:
    """What one durable write of 4 KiB takes on this disk, in ms at p50."""
    taken = []
    sync = getattr(os, "fdatasync", os.fsync)
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            sync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


def measure(signals: int, folder: Path) -> dict[str, Any]:
    """Both designs by turns, the first of each pair changing, with the disk probed before and after."""
    ours, orm = Ours(folder, signals + WARM_UP), SavePerStep(folder)
    probes = [fdatasync_ms(folder)]
    taken: dict[Any, list[tuple[float, float]]] = {ours: [], orm: []}
    for i in range(signals + WARM_UP):
        for design in (ours, orm) if i % 2 else (orm, ours):
            found = design.handle(i)
            if i >= WARM_UP:
                taken[design].append(found)
    probes.append(fdatasync_ms(folder))
    mine, theirs = _figures(taken[ours]), _figures(taken[orm])
    return {
        **mine,
        "ratio_to_orm": round(theirs["p50_ms"] / mine["p50_ms"], 2),
        "fdatasync_p50_ms": round(statistics.mean(probes), 4),
        "signals": signals,
        "orm": theirs,
        "ratio_orders_s": round(mine["orders_s"] / theirs["orders_s"], 2),
    }


def _figures(taken: list[tuple[float, float]]) -> dict[str, float]:
    sent = sorted(to_broker * 1e3 for to_broker, _ in taken)
    cuts = {name: sent[min(len(sent) - 1, int(len(sent) * p))] for name, p in (("p50", 0.5), ("p95", 0.95))}
    cuts["p99"] = sent[min(len(sent) - 1, int(len(sent) * 0.99))]
    rate = len(taken) / sum(whole for _, whole in taken)
    return {f"{name}_ms": round(value, 3) for name, value in cuts.items()} | {"orders_s": round(rate, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--signals", type=int, default=300, help="how many signals each design gets (default 300)")
    parser.add_argument("--folder", help="where the databases lie for the time; decides which disk is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(max(10, options.signals), Path(folder))
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, figures in (("ours", found), ("save per step", found["orm"])):
        told = "  ".join(f"{key} {figures[key]:g}" for key in ("p50_ms", "p95_ms", "p99_ms", "orders_s"))
        sys.stdout.write(f"{name:14}  {told}\n")
    sys.stdout.write(
        f"{found['ratio_to_orm']}× as fast to the broker at p50, {found['ratio_orders_s']}× the orders a second; "
        f"fdatasync p50 {found['fdatasync_p50_ms']} ms\n"
    )


if __name__ == "__main__":
    main()
