"""The order desk: what people ask of orders and of what is in doubt; written down here, carried out by the engine."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.broker_board import BrokerBoard
from workbench.bootstrap.order_views import drift_row, in_doubt, ledger_view, look_row, request_row
from workbench.errors import BadInput, Refused, UnknownName
from workbench.model import iso, new_id

if TYPE_CHECKING:
    from workbench.bootstrap.trading_desk import TradingDesk

PATIENCE = 10.0
"""Seconds for which an answer of the engine is waited for."""


class OrderDesk:
    """Places, changes and cancels orders by hand, closes positions, and settles what only a person can settle.

    Every request has a key: the same key again is the same request and gets the same answer, whatever happened to the
    first call. The engine must run; it refuses what waited too long.
    """

    def __init__(self, desk: TradingDesk, board: BrokerBoard, templates: Mapping[str, Mapping[str, Any]]) -> None:
        self._desk, self._board, self._templates = desk, board, templates

    def place(
        self,
        legs: Sequence[Mapping[str, Any]],
        *,
        account: str | None = None,
        template: str | None = None,
        basket: bool = False,
        on_failure: str = "unwind",
        key: str | None = None,
        wait: float = PATIENCE,
    ) -> dict[str, Any]:
        """Place one order, or several.

        Each leg has `symbol`, `side` (buy or sell) and `size`; further `type`, `limit`, `level`, `gtt`, `stop`,
        `target` and `trail` (percent, protection of what fills), `trailing` (percent, of a trailing stop), `validity`,
        `product`, `display`, `slice`, `pause` (seconds), `after_market`, `good_till`, and `to_position` where the size
        is that of the position to end with. Several legs are decided together and sent in turn, what buys first, and
        what was had is closed again where one cannot be had (`on_failure` unwind or keep); as a `basket` each stands
        for itself. A template's fields are used where a leg does not give its own.
        """
        if not legs:
            raise BadInput("legs", "none", "must hold at least one order")
        if on_failure not in ("unwind", "keep"):
            raise UnknownName("on_failure", on_failure, ("unwind", "keep"))
        common: Mapping[str, Any] = {}
        if template is not None:
            if template not in self._templates:
                raise UnknownName(
                    "template", template, self._templates, "define it as [templates.NAME] in workbench.toml"
                )
            common = self._templates[template]
        full = [{**common, **{k: v for k, v in leg.items() if v is not None}} for leg in legs]
        for leg in full:
            missing = [name for name in ("symbol", "side", "size") if leg.get(name) in (None, "")]
            if missing:
                raise BadInput("order", leg.get("symbol", ""), f"has no {missing[0]}")
        body: dict[str, Any] = {"legs": [{k: _plain(v) for k, v in leg.items()} for leg in full]}
        if len(full) > 1:
            body |= {"basket": basket, "on_failure": on_failure}
        return self.ask("place", body, account, key, wait)

    def modify(
        self,
        order_id: str,
        *,
        size: Any = None,
        limit: Any = None,
        level: Any = None,
        key: str | None = None,
        wait: float = PATIENCE,
    ) -> dict[str, Any]:
        """Change a working order; the size may only fall."""
        order = self._desk.orders_on_file.order(order_id)
        given = {"size": size, "limit": limit, "level": level}
        body = {"order_id": order_id, **{k: str(v) for k, v in given.items() if v is not None}}
        return self.ask("modify", body, order.account, key, wait)

    def cancel(self, order_id: str, *, key: str | None = None, wait: float = PATIENCE) -> dict[str, Any]:
        """Cancel a working order."""
        order = self._desk.orders_on_file.order(order_id)
        return self.ask("cancel", {"order_id": order_id}, order.account, key, wait)

    def cancel_all(
        self, account: str | None = None, symbol: str | None = None, *, protection: bool = False,
        key: str | None = None, wait: float = PATIENCE,
    ) -> dict[str, Any]:  # fmt: skip
        """Cancel every order that works, of a symbol or all; what protects positions only where that is said."""
        return self.ask("cancel-all", {"symbol": symbol, "protection": protection}, account, key, wait)

    def close_all(
        self, account: str | None = None, symbol: str | None = None, *, key: str | None = None, wait: float = PATIENCE
    ) -> dict[str, Any]:
        """Take entries back and close every position of an account, of a symbol or all."""
        return self.ask("close-all", {"symbol": symbol}, account, key, wait)

    def match(self, order_id: str, external_id: str, *, wait: float = PATIENCE) -> dict[str, Any]:
        """Say that an UNKNOWN order is the one found at the broker."""
        order = self._desk.orders_on_file.order(order_id)
        return self.ask("match", {"order_id": order_id, "external_id": external_id}, order.account, None, wait)

    def rule(self, order_id: str, reason: str, *, wait: float = PATIENCE) -> dict[str, Any]:
        """Say that nothing more comes of an order in doubt, or that an order of others was looked at."""
        order = self._desk.orders_on_file.order(order_id)
        return self.ask("rule", {"order_id": order_id, "reason": reason}, order.account, None, wait)

    def accept(
        self, about: str, reason: str, *, account: str | None = None, price: Any = None, wait: float = PATIENCE
    ) -> dict[str, Any]:
        """Take a drift over from the broker as a correction; one in a position needs the price it came about at."""
        body = {"about": about, "reason": reason, "price": None if price is None else str(price)}
        return self.ask("accept", body, account, None, wait)

    def book(
        self, kind: str, *, account: str | None = None, key: str | None = None, wait: float = PATIENCE, **fields: Any
    ) -> dict[str, Any]:
        """Book what no fill explains: a deposit, dividend, charge, split, bust or correction."""
        body = {"kind": kind, **{k: str(v) for k, v in fields.items() if v is not None}}
        return self.ask("book", body, account, key, wait)

    def look(self, account: str | None = None, *, wait: float = PATIENCE) -> dict[str, Any]:
        """Have the engine look at an account's broker now."""
        return self.ask("look", {}, account, None, wait)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def ask(
        self, kind: str, body: Mapping[str, Any], account: str | None, key: str | None, wait: float
    ) -> dict[str, Any]:
        """Write a request down and wait for the engine's answer; `status` is waiting where none came in time.

        Raises Refused where no engine runs, before anything is written, and UnknownName for the account.
        """
        name = self.account(account)
        if not self._desk.engine_runs():
            raise Refused("no engine runs for this home, so nobody would act on it; start workbench serve")
        book = self._desk.requests_on_file
        kept = book.keep("person", key or new_id(), name, kind, body, _me())
        end = time.monotonic() + wait
        while kept.status == "received" and time.monotonic() < end:
            time.sleep(0.02)
            kept = book.get(kept.request_id)
        return request_row(kept)

    def account(self, name: str | None) -> str:
        """An account by its name; the only one where none is named. Raises UnknownName and BadInput."""
        known = [row.account for row in self._desk.session_book.accounts()]
        if name is None:
            if len(known) != 1:
                raise BadInput("account", "", "is missing", f"name one of {', '.join(known) or 'none yet'}")
            return str(known[0])
        if name not in known:
            raise UnknownName("account", name, known)
        return name

    def capabilities(self, account: str) -> dict[str, str]:
        """How each kind of order is worked with an account's broker: native, held here, or refused."""
        self.account(account)
        row = next(row for row in self._desk.session_book.accounts() if row.account == account)
        return dict(next((b["orders"] for b in self.brokers() if b["broker"] == row.broker), {}))

    def brokers(self) -> list[dict[str, Any]]:
        """Every configured broker: its mode (paper, sandbox, live), whether it answers, and what it can do."""
        return self._board.rows()

    # ---- what stands -------------------------------------------------------------------------------------------------

    def requests(self, last: int | None = None) -> list[dict[str, Any]]:
        """What people asked for, oldest first, and what came of it."""
        return [request_row(request) for request in self._desk.requests_on_file.all(last)]

    def ledger(self, account: str | None = None, last: int | None = None) -> list[dict[str, Any]]:
        """The books of every account (or one): balances that sum to nothing, per strategy, and the last entries."""
        rows = [row for row in self._desk.session_book.accounts() if account in (None, row.account)]
        if not rows:
            raise UnknownName("account", account or "", [r.account for r in self._desk.session_book.accounts()])
        return [ledger_view(row, self._desk.ledger(row.account), last) for row in rows]

    def reconciliation(self, account: str | None = None) -> list[dict[str, Any]]:
        """For every account (or one): when its broker was last looked at, drifts, orders in doubt and of others."""
        looks = {row.account: row for row in self._desk.drift_book.looks()}
        drifts = self._desk.drift_book.open(account)
        found, ruled = [], self._desk.drift_book.ruled()
        for row in self._desk.session_book.accounts():
            if account not in (None, row.account):
                continue
            orders = self._desk.orders_on_file.open_orders(row.account)
            found.append(
                {
                    "account": row.account,
                    "broker": row.broker,
                    **look_row(looks.get(row.account)),
                    "drifts": [drift_row(d) for d in drifts if d.account == row.account],
                    "in_doubt": [doubt for order in orders if (doubt := in_doubt(order, orders, ruled))],
                }
            )
        if account is not None and not found:
            raise UnknownName("account", account, [r.account for r in self._desk.session_book.accounts()])
        return found


def _plain(value: Any) -> Any:
    """A field as it is kept: numbers as text, exact."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Decimal | int | float):
        return str(value)
    return iso(value) if hasattr(value, "tzinfo") else value


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user on this machine, as in some containers
        return "unknown"
