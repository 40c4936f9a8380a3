"""A small world that can be killed anywhere: one strategy, one broker with a book, alerts, and made-up bars."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from workbench_plugins.paper_broker import PaperBroker

from tests.faults.disk import syncs_fail
from tests.support import DAY, hook_on_file, make_history, make_terms, receipt_of, research_chain, scripted, stand
from workbench.model import Order, OrderState, Stage
from workbench.ports import BrokerOrder, Standing
from workbench.signals import parse_alert
from workbench.store import (
    FenceBook,
    Inbox,
    Lease,
    SessionBook,
    SqlDriftBook,
    SqlOrderRepository,
    SqlRequestBook,
    SqlStageBook,
    TradingDatabase,
)
from workbench.trading import AlertLimits, Engine, Hours, Ledger, LiveSession, OrderManager, ReplayFeed
from workbench.trading.transitions import OrderEvent

BARS, PAST = 21, 6


class Killer:
    """Ends the process at the n-th point it passes, as power cuts do: at once, with nothing said or cleaned up."""

    def __init__(self, at: int | None, syncs_fail_at: int | None = None) -> None:
        self.at, self.passed, self._syncs_fail_at = at, 0, syncs_fail_at

    def point(self) -> None:
        self.passed += 1
        if self.passed == self._syncs_fail_at:
            syncs_fail()
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class CountingBroker(PaperBroker):
    """A broker that can be searched but takes a repeated client id again, and counts in its book how often."""

    def __init__(self, killer: Killer, **more: Any) -> None:
        super().__init__(**more)
        self.capabilities = replace(self.capabilities, resend="searchable")
        self._killer = killer
        commit = self._book.commit

        def killed_around() -> None:
            killer.point()
            commit()
            killer.point()

        self._book.commit = killed_around  # type: ignore[method-assign]

    def submit(self, order: Order) -> None:
        self._client_ids.discard((order.account, order.client_order_id))
        taken = sum(1 for _ in self._book.read("taken") if _[0].startswith(order.client_order_id))
        self._book.put("taken", f"{order.client_order_id}#{taken + 1}", order.order_id)
        super().submit(order)

    def taken(self) -> list[str]:
        """The client id of every order it ever took, repeats included."""
        return [key.partition("#")[0] for key, _ in self._book.read("taken")]


class SavesAfterSending(OrderManager):
    """Broken on purpose: what most systems of this kind do. The tests must turn red on it."""

    def send(self, order: Order) -> Order:
        if order.state is not OrderState.READY:
            return order
        said: list[Callable[[], None]] = []
        listener, broker = self.broker._listener, self.broker  # type: ignore[attr-defined]
        broker._listener = _Later(said)  # type: ignore[attr-defined]
        try:
            broker.submit(order)
        finally:
            broker._listener = listener  # type: ignore[attr-defined]
        self.step(order, OrderEvent.AUTHORISE)
        self.step(self.repository.order(order.order_id), OrderEvent.ACKNOWLEDGE)
        return self.repository.order(order.order_id)


class _Later:
    def __init__(self, said: list[Callable[[], None]]) -> None:
        self.said = said

    def on_order(self, report: BrokerOrder) -> None:
        self.said.append(lambda: None)


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return 0.0


class _Gate:
    """A feed that gives an instant only when it is let."""

    def __init__(self, inner: ReplayFeed) -> None:
        self.inner, self.let, self.notes = inner, 0, inner.notes

    def open(self, after: datetime | None, keep: int) -> Any:
        return self.inner.open(after, keep)

    def next(self) -> Any:
        if not self.let:
            return None
        self.let -= 1
        return self.inner.next()

    def now(self) -> datetime:
        return self.inner.now()

    @property
    def is_finished(self) -> bool:
        return self.inner.is_finished


class World:
    """Everything a seed makes up, on files in a folder; a new one on the same folder is a restart."""

    def __init__(self, folder: Path, seed: int, kill_at: int | None = None, manager: type[OrderManager] = OrderManager):
        rng = random.Random(seed)
        self.killer = Killer(kill_at)
        self.folder = folder
        walk = np.cumsum(np.random.default_rng(seed).normal(0, 2, BARS)) + 100
        rows = [(p, p + 3, p - 3, p + rng.uniform(-2, 2)) for p in np.maximum(walk, 20).round(2)]
        self.history = make_history([tuple(float(x) for x in row) for row in rows])
        flags = {name: [rng.random() < 0.25 for _ in range(BARS)] for name in ("entries", "exits", "short_entries")}
        levels = {k: v for k, v in (("stop", "4"), ("target", "5"), ("trail", "3")) if rng.random() < 0.6}
        strategy, terms = scripted([self.history], flags), make_terms(cash="10000", fees="10", **levels)
        self.alerts = [
            (rng.randrange(BARS - PAST), f"a{i}", rng.choice(["buy", "sell", "short", "exit"])) for i in range(5)
        ]
        self.database = TradingDatabase(folder / "trading.db")
        self._kill_around_commits()
        if SqlStageBook(self.database).get("s") is None:
            stand(self.database, "s", "a", Stage.PAPER)
        self.hook = hook_on_file(self.database)
        self.inbox, self.sessions = Inbox(self.database), SessionBook(self.database)
        lease = Lease(self.database, "engine", seconds=600)
        lease.take()
        self.repository = SqlOrderRepository(self.database, lease)
        begun = self.sessions.begin("s", "a", {"kind": "replay", "symbols": ["X"]})
        inner = ReplayFeed([self.history], last_days=BARS - PAST, seconds_per_bar=0, loop=False, clock=_Clock())
        self.feed = _Gate(inner)
        past = self.feed.open(begun.cursor, 500)
        cash = self.sessions.open_account("a", "paper", "USD", terms.cash)
        self.broker = CountingBroker(self.killer, costs=terms.costs, book=folder / "paper.db")
        self.broker.open_account("a", cash, [self.history.instrument])
        self.ledger = Ledger.rebuilt({"a": cash}, self.repository.books("a"))

        def make(account: str, standing: Standing | None) -> LiveSession:
            made = manager(
                self.repository, self.broker, research_chain(), self.ledger, {"X": self.history.instrument},
                self.feed.now(), hours=Hours(ZoneInfo("UTC")), intent_life=timedelta(days=9),
            )  # fmt: skip
            self.session = LiveSession(
                "s", "a", strategy, terms, self.feed, past, {"X": "f"}, self.broker, made, self.sessions,
                SqlDriftBook(self.database), history=500,
                limits=AlertLimits(timedelta(hours=9)), wall=lambda: datetime.now(UTC),
            )  # fmt: skip
            return self.session

        self.engine = Engine(
            SqlStageBook(self.database), self.inbox, SqlRequestBook(self.database), FenceBook(self.database),
            self.sessions, lease, make, lambda account, strategy: False, object, _Clock(),
        )  # fmt: skip

    def run(self) -> None:
        """Every bar from where it was left; after each, the alerts that are due are sent until they are answered."""
        self.engine.step()
        self._send_due()
        for _ in range(3 * BARS):
            if self.feed.is_finished:
                break
            self.feed.let = 1
            self.engine.step()
            self._send_due()
        self.engine.step()
        if not self.feed.is_finished:
            raise RuntimeError(f"the session does not go on: {self.sessions.all()}")
        self.database.close()

    def _send_due(self) -> None:
        answered = set((self.folder / "answers").read_text().split()) if (self.folder / "answers").exists() else set()
        done = next(s for s in self.sessions.all() if s.account == "a").cursor
        first = self.history.times[PAST]
        nth = -1 if done is None else round((done.timestamp() * 10**9 - int(first)) / DAY)
        for at, key, action in self.alerts:
            if at > nth or key in answered:
                continue
            alert = parse_alert(f'{{"ticker": "X", "action": "{action}", "alert_id": "{key}"}}'.encode())
            self.inbox.keep([receipt_of(self.hook, alert.key, alert.meaning, "{}", **alert.to_dict())])
            with (self.folder / "answers").open("a") as file:
                file.write(key + "\n")
            self.killer.point()
            self.engine.step()

    def _kill_around_commits(self) -> None:
        dialect = self.database.engine.dialect
        commit = dialect.do_commit

        def killed_around(connection: Any) -> None:
            self.killer.point()
            commit(connection)
            self.killer.point()

        dialect.do_commit = killed_around  # type: ignore[method-assign]

    def facts(self) -> dict[str, Any]:
        """What came of it all, without ids that differ from run to run."""
        repository = self.repository
        client = {o.order_id: o.client_order_id for o in repository.orders()}
        taken = self.broker.taken()
        return {
            "duplicates": sorted({c for c in taken if taken.count(c) > 1}),
            "fills": [
                [client[f.order_id], f.side.value, str(f.size), str(f.price), str(f.fee), f.time.isoformat(), f.cause]
                for f in repository.fills()
            ],
            "orders": sorted([o.client_order_id, o.state.value, str(o.filled)] for o in repository.orders()),
            "signals": sorted([row.source, row.key, row.status] for row in self.inbox.rows()),
            "position": str(self.ledger.position("a", "s", "X").size),
            "cash": [str(self.ledger.cash("a")), str(self.broker.cash("a"))],
            "broker": sorted(str(p.size) for p in self.broker.positions()),
            "bars": self.sessions.all()[0].bars,
            "drift": [line for line in repository.journal() if line["kind"] == "drift"],
        }


def settled(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts that must be the same whether or not a run was broken off."""
    return {name: value for name, value in facts.items() if name != "duplicates"} | {
        "cash": [str(Decimal(c).normalize()) for c in facts.get("cash", ())]
    }
