"""The trading desk: what a person, the shell or the app asks of stages, hooks, orders and the panic fence."""

from __future__ import annotations

import getpass
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, localcontext
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.boarding import board_of
from workbench.bootstrap.broker_board import BrokerBoard
from workbench.bootstrap.order_desk import OrderDesk
from workbench.bootstrap.order_views import fill_row, order_rows
from workbench.bootstrap.views import (
    account_row,
    answer_dict,
    event_dict,
    position_rows,
    session_row,
    signal_rows,
    standing_dict,
)
from workbench.errors import BadInput, PluginFault, Refused, UnknownName, WorkbenchError
from workbench.model import MONEY_CONTEXT, OrderState, Stage
from workbench.ports import StageEvent, Version
from workbench.promotion import Board
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

if TYPE_CHECKING:
    import vectorbt

    from workbench.bootstrap.desk import Workbench
    from workbench.bootstrap.hook_desk import HookDesk
    from workbench.bootstrap.signal_desk import SignalDesk
    from workbench.trading import Ledger


class TradingDesk:
    """Reads the trading database of a home and writes what people decide; the engine alone trades."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self.database = TradingDatabase(bench.settings.home / "trading.db")
        self.stage_book, self.inbox = SqlStageBook(self.database), Inbox(self.database)
        self.drift_book, self.requests_on_file = SqlDriftBook(self.database), SqlRequestBook(self.database)
        self.fence, self.session_book = FenceBook(self.database), SessionBook(self.database)
        self.orders_on_file = SqlOrderRepository(self.database, Lease(self.database, "engine"))

    @cached_property
    def by_hand(self) -> OrderDesk:
        """What people ask of orders and of what is in doubt."""
        return OrderDesk(self, BrokerBoard(self._bench), self._bench.settings.templates)

    # ---- promotion ---------------------------------------------------------------------------------------------------

    @cached_property
    def board(self) -> Board:
        """The board, with the gates of every plugin."""
        return board_of(self._bench, self.stage_book, self.changed_since)

    def changed_since(self, version: Version, *, prices: bool = True) -> str:
        """In which way code (or prices) are not what a version was made of; empty where they are."""
        from workbench.bootstrap.recording import code_of
        from workbench.research import RunSpec, data_dict

        try:
            chosen = self._bench.strategy(version.reference, version.params)
            if code_of(chosen) != version.code_fingerprint:
                return f"the code of {version.reference} has changed since; run backtest, prove and walkforward again"
            if prices:
                spec = RunSpec(version.reference, version.data, version.params, version.options)
                if data_dict(self._bench.histories(spec))["fingerprint"] != version.data_fingerprint:
                    return f"the prices of {version.data} have changed since; run backtest, prove and walkforward again"
        except (BadInput, PluginFault) as error:
            return str(error)
        return ""

    def promote(self, strategy: str, run_id: str, to: str, reason: str = "", by: str | None = None) -> StageEvent:
        """Try to move a strategy up; the answer has every gate's figures, accepted or not."""
        name, stage = self.name_of(strategy), _stage(to)
        standing = self.board.standing(name)
        comes_to_paper = stage is Stage.PAPER and standing is not None and standing.stage is not Stage.PAUSED
        if comes_to_paper and standing and standing.account and self.holds(standing.account, name):
            raise Refused(f"account {standing.account} still closes what {name} held; let workbench serve finish")
        return self.board.promote(name, run_id, stage, reason or "no reason given", by or _me())

    def demote(
        self, strategy: str, to: str, reason: str = "", by: str | None = None, run_id: str | None = None
    ) -> StageEvent:
        """Move a strategy down, pause or retire it; what it holds is closed by the engine unless it is paused."""
        return self.board.demote(self.name_of(strategy), _stage(to), reason or "no reason given", by or _me(), run_id)

    def stages(self) -> list[dict[str, Any]]:
        """Where every strategy stands, whether its code still is what was promoted, and what the next gates say."""
        found = []
        for standing in self.board.standings():
            to, answers = self.board.outlook(standing)
            found.append(
                {
                    **standing_dict(standing),
                    "changed": self.changed_since(standing.version, prices=False) or None,
                    "next": to.value if to else None,
                    "gates": [answer_dict(answer) for answer in answers],
                    "missing": [f"{a.gate}: {a.reason}" for a in answers if not a.passed],
                }
            )
        return found

    def history(self, strategy: str | None = None) -> list[dict[str, Any]]:
        """Every attempt to move a strategy, oldest first."""
        return [event_dict(event) for event in self.board.history(strategy and self.name_of(strategy))]

    def name_of(self, strategy: str) -> str:
        """A strategy's name on the board, of a registered name, `file.py:Class` or the name itself."""
        from workbench.strategy import is_file_reference

        if is_file_reference(strategy) and not strategy.endswith(".py"):
            return strategy.rpartition(":")[2]
        known = {r.name for r in self._bench.plugins.records("strategy")} | {s.strategy for s in self.stage_book.all()}
        if strategy in known or self._bench.registry.find(strategy=strategy, limit=1):
            return strategy
        raise UnknownName("strategy", strategy, known, "run a backtest of it first")

    # ---- signals -----------------------------------------------------------------------------------------------------

    @cached_property
    def webhooks(self) -> HookDesk:
        """Hooks, and the groups and algos behind them."""
        from workbench.bootstrap.hook_desk import HookDesk

        return HookDesk(self._bench, self)

    @cached_property
    def by_signal(self) -> SignalDesk:
        """Alerts as they came, what became of them, and people's own signals."""
        from workbench.bootstrap.signal_desk import SignalDesk

        return SignalDesk(self._bench, self)

    @staticmethod
    def me() -> str:
        """Who asks, for the record."""
        return _me()

    def symbols_of(self, strategy: str) -> list[str]:
        """What a strategy's session trades; empty where no session has begun."""
        standing = self.stage_book.get(strategy)
        if standing is None:
            return []
        return self.session_book.symbols(standing.account)

    # ---- what happened -----------------------------------------------------------------------------------------------

    def signals(self, last: int | None = None) -> list[dict[str, Any]]:
        """Everything that wanted to trade, oldest first, with what came of it and the risk it stands for."""
        rows = self.inbox.rows(last)
        orders = self.orders_on_file.orders_led_to([row.signal_id for row in rows])
        return signal_rows(rows, orders, cache(self.equity_of))

    def equity_of(self, account: str) -> Decimal | None:
        """An account's equity after its last bar, its cash at first where it had none yet; None for one not opened."""
        last = self.session_book.equity(account, 1)
        if last:
            return last[-1][1]
        return next((Decimal(row.cash) for row in self.session_book.accounts() if row.account == account), None)

    def orders(self, last: int | None = None, account: str | None = None) -> list[dict[str, Any]]:
        """Orders, oldest first, each with its history, its latencies by stage, and what is open about it."""
        orders = self.orders_on_file.orders(last, account)
        lines = self.orders_on_file.journal_of("order", [order.order_id for order in orders])
        return order_rows(orders, lines, self.drift_book.ruled())

    def orders_of(self, signal_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The orders that some signals led to, children left out, as `orders` shows them."""
        orders = self.orders_on_file.orders_led_to(signal_ids)
        lines = self.orders_on_file.journal_of("order", [order.order_id for order in orders])
        return order_rows(orders, lines, self.drift_book.ruled())

    def fills(self, last: int | None = None, account: str | None = None) -> list[dict[str, Any]]:
        """Fills, oldest first; amounts as text, exact."""
        return [fill_row(fill) for fill in self.orders_on_file.fills(account, last)]

    def ledger(self, account: str) -> Ledger:
        """An account's books, rebuilt from its fills, marked at the last closes."""
        from workbench.trading import Ledger

        opened = {row.account: Decimal(row.cash) for row in self.session_book.accounts()}
        if account not in opened:
            raise UnknownName("account", account, opened)
        ledger = Ledger.rebuilt({account: opened[account]}, self.orders_on_file.books(account))
        for symbol, price in self.session_book.marks(account).items():
            ledger.mark(symbol, price)
        return ledger

    def portfolio(self, account: str) -> vectorbt.Portfolio:
        """An account as a `vectorbt.Portfolio`, over the bars its session traded; as a backtest's `portfolio` is."""
        import pandas as pd

        from workbench.research import portfolio_of_fills

        opened = {row.account: float(row.cash) for row in self.session_book.accounts()}
        if account not in opened:
            raise UnknownName("account", account, opened)
        rows = self.session_book.closes(account)
        index = pd.DatetimeIndex([at for at, _ in rows], tz="UTC", name="time").as_unit("ns")
        closes = pd.DataFrame([{s: float(c) for s, c in marks.items()} for _, marks in rows], index=index)
        return portfolio_of_fills(closes, self.orders_on_file.fills(account), opened[account])

    @contextmanager
    def engine(self) -> Iterator[None]:
        """An engine in a process of its own for as long as this lasts: for notebooks; `workbench serve` runs one too.

        Raises Refused where the home's engine runs already.
        """
        if self.engine_runs():
            raise Refused("the engine of this home runs already; workbench status shows it")
        command = [sys.executable, "-m", "workbench", "engine", "--until-stdin-closes"]
        home = str(self._bench.settings.home)
        with subprocess.Popen([*command, "--home", home], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if not process.stdout.readline():
                raise WorkbenchError(f"the engine did not start (code {process.wait()}); workbench engine says why")
            try:
                yield
            finally:
                process.stdin.close()
                process.wait()

    def accounts(self) -> list[dict[str, Any]]:
        """Every account: cash, equity, realised and open profit and loss, as text, exact."""
        sessions = {row.account: row for row in self.session_book.all()}
        return [
            account_row(row, self.ledger(row.account), sessions.get(row.account))
            for row in self.session_book.accounts()
        ]

    def positions(self, account: str | None = None) -> list[dict[str, Any]]:
        """Positions that are not flat, at their last marks; amounts as text, exact."""
        wanted = [a.account for a in self.session_book.accounts() if account in (None, a.account)]
        return [row for name in wanted for row in position_rows(self.ledger(name))]

    def holds(self, account: str, strategy: str | None = None) -> bool:
        """Whether an account (or one strategy in it) has a position or an order that is not at its end."""
        working = self.orders_on_file.open_orders(account)
        if any(o.state is not OrderState.QUARANTINED and strategy in (None, o.strategy) for o in working):
            return True
        sizes: dict[str, Decimal] = defaultdict(Decimal)
        with localcontext(MONEY_CONTEXT):
            for fill in self.orders_on_file.fills(account):
                if strategy not in (None, fill.strategy):
                    continue
                sizes[fill.symbol] += fill.side.sign * fill.size
        return any(sizes.values())

    # ---- panic -------------------------------------------------------------------------------------------------------

    def panic(self, reason: str = "", by: str | None = None) -> dict[str, Any]:
        """Raise the fence: nothing decided before is sent, nothing new is taken; the engine then closes everything."""
        epoch = self.fence.halt(reason.strip() or "no reason given", by or _me())
        return {"halted": True, "epoch": epoch, "engine": self.engine_runs()}

    def resume(self, by: str | None = None) -> None:
        """Lower the fence. Raises Refused where it is not up, or not everything is flat yet."""
        self.fence.resume(by or _me())

    def status(self) -> dict[str, Any]:
        """The fence, the engine and the sessions."""
        fence = self.fence.now()
        return {
            "halted": fence.halted,
            "epoch": fence.epoch,
            "reason": fence.reason,
            "flat": self.fence.is_flat() if fence.halted else None,
            "engine": self.engine_runs(),
            "sessions": [
                session_row(row)
                for row in self.session_book.all()
            ],
        }  # fmt: skip

    def engine_runs(self) -> bool:
        """Whether some process holds the engine's lease now."""
        return Lease(self.database, "engine").is_held()


def _stage(text: str) -> Stage:
    try:
        return Stage(text.strip().lower().replace("_", "-"))
    except ValueError:
        raise UnknownName("stage", text, [stage.value for stage in Stage]) from None


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user on this machine, as in some containers
        return "unknown"
