"""The signal desk: alerts as they came, what became of them, and signals tried out, made by hand or sent once more."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.doors import format_of
from workbench.bootstrap.signal_views import alert_row, analysed, signal_detail
from workbench.errors import BadInput, Refused
from workbench.model import Hook, Moment, Protection, iso
from workbench.ports import Receipt, Waiting, Wanted
from workbench.signals import SOURCE, Alert, Door, Incoming, TurnedAway, placed, symbol_of, taken_by, wish
from workbench.trading.price_watch import Last
from workbench.trading.screen import entry_asked, why_refused

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.bootstrap.trading_desk import TradingDesk

BY_HAND = "by hand"
"""The source of signals that people make."""


class SignalDesk:
    """Shows what wanted to trade from outside, and makes people's own signals; the engine alone trades."""

    def __init__(self, bench: Workbench, desk: TradingDesk) -> None:
        self._bench, self._desk = bench, desk
        self._hooks = desk.webhooks

    def alerts(self, last: int | None = 100, hook: str | None = None) -> list[dict[str, Any]]:
        """Alerts as they came, refused ones too, oldest first."""
        source = None if hook is None else f"webhook:{hook}"
        return [alert_row(row) for row in self._desk.inbox.alerts(last, source)]

    def signal(self, signal_id: str) -> dict[str, Any]:
        """A signal with its alert, its orders, the time each stage took, and the risk it stands for."""
        row = self._desk.inbox.row(signal_id)
        alert = next(iter(self._desk.inbox.alerts(1, ids=[row.alert_id])), None) if row.alert_id else None
        orders = self._desk.orders_of([signal_id])
        return signal_detail(row, alert, orders, self._desk.equity_of)

    def analytics(self, days: float = 30.0) -> dict[str, Any]:
        """What came through each hook in the last days: taken, refused and why, repeats, latency by stage, accuracy."""
        if not 0 < days <= 36_500:
            raise BadInput("days", days, "must be above 0 and at most 36,500")
        since = datetime.now(UTC) - timedelta(days=days)
        inbox, desk = self._desk.inbox, self._desk
        alerts = inbox.alerts(since=since)
        signals = [row for row in inbox.rows(since=since) if row.alert_id]
        orders = desk.orders_on_file.orders_led_to([row.signal_id for row in signals])
        told = {order["order_id"]: order for order in desk.orders_of([row.signal_id for row in signals])}
        fills = desk.orders_on_file.fills()
        marks = {a: desk.session_book.marks(a) for a in {order.account for order in orders}}
        return analysed(self._hooks.book.hooks(), alerts, signals, orders, told, fills, marks) | {"days": days}

    def create_signal(
        self, strategy: str, ticker: str, action: str, *, quantity: str | None = None, reason: str = "", algo: str = ""
    ) -> dict[str, Any]:
        """Make a signal by hand: it goes the way of an alert, through the inbox, the engine and the risk chain.

        With an `algo`, which may be of any trigger, its rules hold; `strategy` may be '' then.
        """
        its = self._hooks.book.algo(algo) if algo else None
        if its is not None and not its.active:
            raise BadInput("algo", algo, "is inactive", "activate it first")
        name = self._desk.name_of(strategy or (its.strategy if its else ""))
        if its is not None and its.strategy != name:
            raise BadInput("strategy", name, f"is not what algo {algo} drives", f"leave it out, or name {its.strategy}")
        said = {"ticker": ticker, "action": action} | ({"quantity": quantity} if quantity else {})
        [alert] = format_of(self._bench.plugins, "tradingview", {}).read(json.dumps(said), datetime.now(UTC))
        symbols = self._desk.symbols_of(name)
        alert = placed(alert, symbols, {}) if its is None else taken_by(its, alert, symbols)
        alert = replace(alert, comment=f"by {self._desk.me()}: {reason or 'no reason given'}"[:500])
        key = f"{iso(datetime.now(UTC))} {secrets.token_hex(3)}"
        wanted = Wanted(name, alert.to_dict(), algo, its.priority if its else 0)
        receipt = Receipt(BY_HAND, key, alert.meaning, json.dumps(said), (wanted,), datetime.now(UTC))
        [kept] = self._desk.inbox.keep([receipt])
        return {"signal_id": kept.signal_ids[0], "status": kept.status}

    def test_algo(self, name: str) -> dict[str, Any]:
        """What a scheduled algo would make the engine do, were each of its times now; nothing is kept.

        Raises BadInput for an algo that has no times.
        """
        algo = self._hooks.book.algo(name)
        if not algo.times:
            raise BadInput("algo", name, "has no times", "test a hook of its group, or give it times")
        found = []
        for line in algo.times:
            moment = Moment.parse(line)
            told = {"time": line, "strategy": algo.strategy, "algo": name, "ticker": moment.ticker}
            try:
                alert = taken_by(algo, Alert(moment.ticker, moment.action), self._desk.symbols_of(algo.strategy))
            except BadInput as error:
                found.append(told | {"would": "refused", "reason": str(error)})
            else:
                found.append(told | self._dry_run(alert, algo.strategy, name, SOURCE + name, False))
        return {"algo": name, "dry_run": True, "outcomes": found}

    def cancel_signal(self, signal_id: str, reason: str = "") -> dict[str, Any]:
        """Take a signal back before the engine acts on it. Raises Refused where it was too late."""
        if not self._desk.inbox.cancel(signal_id, self._desk.me(), reason or "no reason given"):
            row = self._desk.inbox.row(signal_id)
            raise Refused(f"signal {signal_id} is {row.status}: only one that waits can be taken back")
        return self.signal(signal_id)

    def replay_signal(
        self, signal_id: str, reason: str = "", *, for_real: bool = False, override: bool = False
    ) -> dict[str, Any]:
        """Say what a signal would do now; or `for_real`, with a reason, send it once more as a signal of its own.

        `override` leaves out windows, conditions, the limit a day and the price check; never caps, risk or a panic.
        """
        row = self._desk.inbox.row(signal_id)
        if row.alert is None:
            raise BadInput("signal", signal_id, "came from a strategy's bars, not from an alert", "replay an alert's")
        verdict = self._dry_run(Alert.of_dict(row.alert), row.strategy, row.algo, row.source, override)
        if not for_real:
            return {"signal_id": signal_id, "dry_run": True, "outcomes": [verdict]}
        if not reason.strip():
            raise BadInput("reason", reason, "is missing", "say why it is sent once more")
        made = self._desk.inbox.replay(signal_id, self._desk.me(), reason.strip(), override=override)
        return {"signal_id": made, "dry_run": False, "replay_of": signal_id, "status": "received"}

    def test_hook(self, name: str, body: str | None = None) -> dict[str, Any]:
        """Read a message as a hook would, the format's own sample if none is given, and say what it would do.

        Nothing is kept and nothing trades; who may send is not asked.
        """
        hook = self._hooks.book.hook(name)
        open_to_all = replace(hook.rules, secret="", signed=False, sealed=False, addresses=())
        door = self._hooks.doors.door_of(replace(hook, rules=open_to_all))
        if body is None:
            body = self._sample(hook, door)
        found: dict[str, Any] = {"hook": name, "body": body, "dry_run": True, "accepted": False, "reason": ""}
        try:
            receipt = door.receive(Incoming(body.encode(), "", datetime.now(UTC)))
        except TurnedAway as error:
            return found | {"reason": error.reason, "outcomes": []}
        outcomes = [
            self._dry_run(Alert.of_dict(one.alert), one.strategy, one.algo, hook.source, False)
            for one in receipt.signals
        ]
        return found | {"accepted": True, "key": receipt.key, "outcomes": outcomes}

    def _sample(self, hook: Hook, door: Door) -> str:
        names = [hook.strategy] if hook.strategy else [a.strategy for a in door.algos]
        symbols = [symbol for name in names for symbol in self._desk.symbols_of(name)] or ["AAPL"]
        standing = self._desk.stage_book.get(names[0]) if names else None
        marks = self._desk.session_book.marks(standing.account) if standing and standing.account else {}
        price = marks.get(symbols[0])
        return door.form.sample(symbols[0], f"{price:.2f}" if price is not None else "100")

    def _dry_run(self, alert: Alert, strategy: str, algo: str, source: str, override: bool) -> dict[str, Any]:
        """What the engine would make of a signal now, by what is on file."""
        now = datetime.now(UTC)
        waiting = Waiting("", source, "", strategy, alert.to_dict(), now, 0, algo, override=override)
        plan = self._desk.inbox.plan(waiting, now)
        found = {"strategy": strategy, "algo": algo, "ticker": alert.ticker, "would": "refused", "reason": ""}
        standing = self._desk.stage_book.get(strategy)
        if standing is None or not standing.stage.trades or not standing.account:
            stage = standing.stage if standing else "research"
            return found | {"reason": f"{strategy} is in stage {stage}: it trades from paper on"}
        if self._desk.fence.now().halted:
            return found | {"reason": "panic: nothing new is taken"}
        symbols = self._desk.symbols_of(strategy)
        try:
            if words := why_refused(plan, waiting, alert, now):
                return found | {"reason": words}
            symbol = symbol_of(alert.ticker, symbols) if symbols else alert.ticker
        except BadInput as error:
            return found | {"reason": str(error)}
        account, book = standing.account, self._desk.session_book
        begun = account in {row.account for row in book.accounts()}  # opened when its session first begins
        held = self._desk.ledger(account).position(account, strategy, symbol).direction if begun else None
        asked = wish(alert, held)
        if isinstance(asked, str):
            return found | {"would": "ignored", "reason": asked}
        action, direction = asked
        found |= {"symbol": symbol, "would": f"{action} {direction}", "account": account}
        if action == "entry":
            mark = book.marks(account).get(symbol)
            entry = entry_asked(
                plan, waiting, alert, symbol, now, Protection(), lambda: None if mark is None else Last(now, mark)
            )
            if isinstance(entry, str):
                return found | {"would": "refused", "reason": entry}
            if direction is held:
                return found | {"would": "ignored", "reason": f"already {held}"}
            found |= {"size": str(entry[0] or "the strategy's own")}
        if not self._desk.engine_runs():
            found |= {"reason": "no engine runs: it would wait, and be refused once it is too old"}
        return found
