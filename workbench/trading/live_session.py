"""Live session: one promoted strategy on its feed, and the alerts that drive it, through the order path."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from workbench.errors import BadInput, Refused
from workbench.fills import Terms
from workbench.model import Action, Caps, Direction, Protection, Signal
from workbench.ports import MANUAL, Broker, DriftBook, Plan, Request, Sessions, Waiting
from workbench.signals import Alert, symbol_of, wish
from workbench.strategy import Strategy
from workbench.trading.desk_orders import DeskOrders, Done
from workbench.trading.feeds import Feed, Instant
from workbench.trading.leaving import Leaving
from workbench.trading.monitor import PriceRange
from workbench.trading.order_manager import OrderManager
from workbench.trading.panic import Flattening
from workbench.trading.past import Past
from workbench.trading.price_watch import Last, PriceWatch
from workbench.trading.reconcile import Reconciler, wrong_mode
from workbench.trading.screen import LATER, AlertLimits, entry_asked, why_refused
from workbench.trading.session import BarSession, Market

LOOK_EVERY = 0.5
"""Seconds between two looks at the orders kept here, where no price came."""
KEEP_EVERY = 60.0
"""Seconds between two points of the equity of an account that is watched between bars."""


class LiveSession:
    """Runs one strategy on a feed from where it was left, with one account, broker and order manager of its own.

    The account is kept in line with its broker for as long as the session runs, and people's requests on it are
    carried out here; with a `watch`, also in symbols that its bars do not have, and what is held is watched between
    bars. `mode` is in which the broker has to be, where that matters; in another one nothing is opened. In a `shared`
    account a strategy that leaves closes what is its own alone.

    Each instant: the broker trades the bars, positions are marked, the strategy's signals are handled, and then the
    cursor moves; broken off anywhere, the instant is given again and nothing in it happens twice. A strategy
    that raises is stopped and named; its bars go on, so that its stops still work.
    """

    def __init__(
        self,
        name: str,
        account: str,
        strategy: Strategy,
        terms: Terms,
        feed: Feed,
        past: Mapping[str, Past],
        fingerprints: Mapping[str, str],
        broker: Broker,
        manager: OrderManager,
        book: Sessions,
        drifts: DriftBook,
        *,
        history: int,
        limits: AlertLimits,
        wall: Callable[[], datetime],
        elapsed: Callable[[], float] = time.monotonic,
        watch: PriceWatch | None = None,
        mode: str = "",
        shared: bool = False,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.name, self.account, self.feed, self.manager = name, account, feed, manager
        self._past, self._book = past, book
        self._limits, self._wall = limits, wall
        markets = [Market(symbol, account, p, fingerprints[symbol]) for symbol, p in past.items()]
        self._bars = BarSession(name, strategy, terms, markets, broker, manager, history=history)
        self.reconciler = Reconciler(manager, account, drifts, elapsed, mode)
        self._requests = DeskOrders(manager, account, drifts, self._last)
        self.leaving = Leaving(manager, account, name, self._of_bars, shared=shared)
        self._shared = shared
        self._watch, self._mode, self._on_close = watch, mode, on_close or manager.broker.close
        self._drifts, self._elapsed, self._look_at, self._keep_at = drifts, elapsed, 0.0, 0.0
        self._failed = self._blocked = ""
        self._told: object = None
        self._finished = False
        self._flattening: Flattening | None = None

    def start(self) -> None:
        """Mark what is held at the last closes and reconcile with the broker; a drift blocks entries."""
        for symbol, past in self._past.items():
            if past.last is not None:
                self.manager.ledger.mark(symbol, past.last.close)
        self.manager.now = max(self.manager.now, self.feed.now())
        if self._watch is not None:
            self._watch.recall()
        self.reconciler.start()
        self.let_in("")

    def let_in(self, blocked: str) -> None:
        """Take entries, or for a reason none; a silent broker and a failed strategy stay reasons of their own."""
        self._blocked = blocked
        was, self.manager.blocked = self.manager.blocked, self._trouble(blocked)
        if self.manager.blocked and self.manager.blocked != was and self.name != MANUAL:  # people take theirs back
            self.leaving.take_entries_back(self.manager.blocked)
        if not self._failed:
            drift = next(iter(self.manager.drifts.values()), "")
            words = self.manager.blocked or drift or ("" if self._watch is None else self._watch.trouble)
            self._book.set_state(self.account, "blocked" if words else "running", words)

    def _trouble(self, blocked: str) -> str:
        """Why nothing new is opened: the strategy, its stage, the broker's silence, or the mode it is in."""
        return self._failed or blocked or self.reconciler.trouble or self._wrong_mode()

    def _wrong_mode(self) -> str:
        now = self.manager.broker.health().mode if self._mode else ""
        return wrong_mode(now, self._mode) if now != self._mode else ""

    def close(self) -> None:
        """Let go of the broker; nothing is cancelled."""
        self._on_close()

    def _last(self, symbol: str) -> Last | None:
        """The last price: of its bars, or for what people ask of other symbols of the market."""
        last = self._of_bars(symbol)
        if self._watch is None or (last is not None and last.factor != 1):
            return last
        try:
            return self._watch.price(symbol)
        except Refused:
            if last is None:
                raise
            return last

    def _of_bars(self, symbol: str) -> Last | None:
        bar = self._past[symbol].last if symbol in self._past else None
        return None if bar is None else Last(bar.start, bar.close, bar.factor)

    def carry_out(self, request: Request) -> Done:
        """Do what a person asks for on the account."""
        if request.epoch != self.manager.repository.fence().epoch and request.kind in ("place", "modify"):
            return Done("refused", "panic: it was asked for before a panic", {"orders": []})
        age, most = self._wall() - request.received_at, self._limits.most_age
        if age > most:
            late = f"too old: it waited {age.total_seconds():.0f} s, at most {most.total_seconds():.0f}"
            return Done("refused", late, {"orders": []})
        if self.leaving.reason and request.kind == "place" and not self._shared:
            return Done("refused", self.leaving.reason, {"orders": []})
        self.manager.now = max(self.manager.now, self.feed.now())
        if request.kind == "look":
            trouble = self.reconciler.look()
            self.let_in(self._blocked)
            return Done("refused" if trouble else "done", trouble, {"orders": []})
        return self._requests.carry_out(request)

    def _tend(self) -> bool:
        """Hear what the broker says, look at it where that is due, and at the orders kept here; whether any moved."""
        heard = self.manager.broker.deliver()
        looked, due = self.reconciler.step(), heard or self._elapsed() >= self._look_at
        if not (looked or due):
            return False
        prices: Mapping[str, PriceRange] = {}
        if due:
            self._look_at = self._elapsed() + LOOK_EVERY
            self.manager.now = max(self.manager.now, self.feed.now())
            prices = self._prices()
        now = self._trouble(self._blocked), dict(self.manager.drifts), self._watch and self._watch.trouble
        if now != self._told:
            self._told = now
            self.let_in(self._blocked)
        if due and not self._wrong_mode():  # there is nothing to be said to the books of another mode
            return self.manager.monitor.look(self.account, prices) or heard
        return heard

    def _prices(self) -> Mapping[str, PriceRange]:
        """Where what is held or works trades, by the watch; now and then they and the equity are kept."""
        if self._watch is None:
            return {}
        found = self._watch.look()
        if self._elapsed() >= self._keep_at:
            self._keep_at = self._elapsed() + KEEP_EVERY
            self.manager.open_day(self.account, self.manager.now)
            equity = self.manager.ledger.equity(self.account)
            self._book.keep(self.account, self.manager.now, self._watch.marks, equity)
        return found

    # ---- bars --------------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Trade the next instant, if one is due; whether one was, or anything else moved."""
        moved = self._tend()
        instant = self.feed.next()
        for words in self.feed.notes:
            self.manager.repository.note("feed", self.name, self.feed.now(), reason=words)
        self.feed.notes.clear()
        if instant is None:
            if self.feed.is_finished and not self._failed and not self._finished:
                self._finished = True
                self._book.set_state(self.account, "finished", "the last bar of the data was traded")
            return moved
        self._trade(instant)
        return True

    def _trade(self, instant: Instant) -> None:
        self.manager.now = max(self.manager.now, instant.start)
        self.manager.open_day(self.account, instant.end)
        closed = self._bars.trade(instant.bars, instant.end)
        seen = {}
        for symbol, bar in closed.items():
            self._past[symbol].append(bar)
            seen[symbol] = len(self._past[symbol])
        self.manager.now = max(self.manager.now, instant.end)
        traded = {symbol: bar for symbol, bar in closed.items() if bar.traded}
        # before the signals: what they lead to has not seen this bar
        ranges = {s: PriceRange(b.low, b.high, b.close, since=b.start) for s, b in traded.items()}
        self.manager.monitor.look(self.account, ranges)
        if not self._failed and not self.leaving.reason:
            try:
                wanted = list(self._bars.wanted(closed, seen))
            except Exception as error:  # noqa: BLE001 - a strategy may raise anything, and must not take others along
                self.fail(f"{type(error).__name__}: {error}")
                wanted = []
            for signal in wanted:
                self.manager.handle(self._in_time(signal))
            self._bars.close(closed)
        marks = {symbol: bar.close for symbol, bar in traded.items()}
        equity = self.manager.ledger.equity(self.account)
        self._book.advance(self.account, instant.start, self.feed.now(), marks, equity)

    def _in_time(self, signal: Signal) -> Signal:
        """At a broker, an entry of a bar that another has followed already would fill late: it only closes, if that.

        The bar that would have filled it has passed while nobody was there. On paper that bar comes, and fills it.
        """
        if not self._mode or not self.feed.is_behind or signal.action is not Action.ENTRY:
            return signal
        held = self.manager.ledger.position(self.account, signal.strategy, signal.symbol).direction
        self.manager.repository.note("late", signal.symbol, self.manager.now, bar=signal.bar_time.isoformat())
        against = Direction.SHORT if signal.direction is Direction.LONG else Direction.LONG
        return replace(signal, action=Action.EXIT, direction=held if held is against else against)

    # ---- alerts ------------------------------------------------------------------------------------------------------

    def handle_alert(self, waiting: Waiting, plan: Plan) -> tuple[str, str] | None:
        """Act on a signal that drives this strategy; or say what becomes of it before the order path, and why.

        LATER is said of one that may be tried again: nothing has come of it.
        """
        if waiting.epoch != self.manager.repository.fence().epoch:
            return "refused", "panic: it came in before a panic"
        age, most = self._wall() - waiting.received_at, self._limits.most_age
        if age > most:
            return "refused", f"too old: it waited {age.total_seconds():.0f} s, at most {most.total_seconds():.0f}"
        if self.leaving.reason:
            return "refused", self.leaving.reason
        if self.reconciler.trouble:
            return LATER, self.reconciler.trouble
        alert = Alert.of_dict(waiting.alert)
        wall = self._wall()
        try:
            if words := why_refused(plan, waiting, alert, wall):
                return "refused", words
            symbol = symbol_of(alert.ticker, self._past)
        except BadInput as error:
            return "refused", str(error)
        # an entry under way counts before the position: it is where the strategy will stand, and an exit takes it back
        working = self.manager.repository.open_orders(self.account, symbol)
        entering = [order.opens for order in working if order.opens is not None and order.strategy == self.name]
        held = entering[-1] if entering else self.manager.ledger.position(self.account, self.name, symbol).direction
        asked = wish(alert, held)
        last = self._past[symbol].last
        if last is None:
            return "refused", f"{symbol} has no price yet"
        if isinstance(asked, str):
            return "ignored", asked
        action, direction = asked
        size, protection, caps = self._bars.size, Protection(), Caps()
        if action is Action.ENTRY:
            entry = entry_asked(plan, waiting, alert, symbol, wall, self._bars.protection, lambda: self._last(symbol))
            if isinstance(entry, str):
                return "refused", entry
            size, protection, caps = entry[0] or size, *entry[1:]
        self.manager.now = max(self.manager.now, self.feed.now())
        self.manager.handle(
            Signal(
                source=waiting.source,
                key=waiting.key,
                strategy=self.name,
                account=self.account,
                symbol=symbol,
                action=action,
                direction=direction,
                bar_time=last.start,
                available_at=max(self.manager.now, last.start),
                reference_price=self.manager.ledger.mark_of(symbol, last.close),
                factor=last.factor,
                size=size,
                protection=protection,
                caps=caps,
                signal_id=waiting.signal_id,
            )
        )
        return None

    # ---- leaving -----------------------------------------------------------------------------------------------------

    def fail(self, reason: str) -> None:
        """Ask the strategy nothing any more; bars go on, so that stops work and exits can be sent."""
        self._failed = reason
        self.manager.blocked = self.manager.blocked or reason
        self.manager.repository.note("strategy_failed", self.name, self.manager.now, reason=reason)
        self._book.set_state(self.account, "failed", reason)

    def flatten(self, epoch: int) -> bool:
        """Behind a raised fence: one step towards nothing; whether the broker has twice shown nothing."""
        if self._flattening is None or self._flattening.epoch != epoch:
            self._flattening = Flattening(self.manager, self.account, epoch)
        return self._flattening.done or self._flattening.step()
