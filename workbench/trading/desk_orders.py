"""Desk orders: what people ask of an account's orders, carried out through the one path all orders take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, IllegalTransition, Refused, UnknownName
from workbench.fills import price_units
from workbench.model import (
    Action,
    Booking,
    BookingKind,
    Direction,
    Handling,
    OnFailure,
    Order,
    OrderState,
    OrderType,
    Protection,
    Signal,
    SizeRequest,
    SizeRule,
    Ticket,
    Validity,
    decimal,
    on_grid,
)
from workbench.ports import MANUAL, DriftBook, Request
from workbench.trading.legs import in_turn
from workbench.trading.order_manager import OrderManager
from workbench.trading.price_watch import Last
from workbench.trading.settling import Settling

_SIDES = {"buy": Direction.LONG, "sell": Direction.SHORT}


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a request: done or refused, why, and the orders it led to."""

    status: str
    reason: str
    answer: Mapping[str, Any]


class DeskOrders:
    """Carries out requests on one account, each idempotent by its own key.

    `last` gives a symbol's last price, None before the first; it may learn the symbol as it is asked, or raise.
    """

    def __init__(
        self, manager: OrderManager, account: str, drifts: DriftBook, last: Callable[[str], Last | None]
    ) -> None:
        self._manager, self._account, self._last = manager, account, last
        self._settling = Settling(manager, account, drifts)
        self._left_out: list[str] = []
        """What of a basket could not be asked for at all."""

    def carry_out(self, request: Request) -> Done:
        """Do what a request asks for; what cannot be done is refused with the reason, and nothing is half done."""
        kinds: dict[str, Callable[[Request], list[Order]]] = {
            "place": self._place,
            "modify": self._modify,
            "cancel": self._cancel,
            "cancel-all": self._cancel_all,
            "close-all": self._close_all,
            "match": self._settling.match,
            "rule": self._settling.rule,
            "accept": self._settling.accept,
            "book": self._book,
        }
        self._left_out = []
        try:
            if request.kind not in kinds:
                raise UnknownName("request", request.kind, kinds)
            orders = kinds[request.kind](request)
        except (BadInput, Refused, IllegalTransition) as error:
            return Done("refused", str(error), {"orders": []})
        except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError) as error:
            # a body of another shape than this kind has, or numbers nobody can work with
            return Done("refused", f"{request.kind}: {type(error).__name__}: {error}", {"orders": []})
        answer = {"orders": [_row(order) for order in orders]}
        bad = [o for o in orders if o.state in (OrderState.DENIED, OrderState.REJECTED)]
        gone = [o for o in orders if o in bad or o.state is OrderState.CANCELLED]
        words = [*(o.reason for o in bad), *self._left_out]
        if request.kind == "place" and len(gone) == len(orders):
            return Done("refused", "; ".join(words) or self._why_nothing(request), answer)
        return Done("done", "; ".join(words), answer)

    # ---- placing -----------------------------------------------------------------------------------------------------

    def _place(self, request: Request) -> list[Order]:
        """One order, or several legs decided together and sent in turn."""
        body = request.body
        if not body["legs"]:
            raise BadInput("legs", "none", "must hold at least one order")
        signals = [self._signal(request, leg, nth) for nth, leg in enumerate(body["legs"])]
        if len(signals) > 1 and body.get("basket"):  # a basket is orders side by side: each stands for itself
            made = []
            for signal in signals:
                try:
                    made += self._manager.handle(signal)
                except BadInput as error:  # the others do not depend on it
                    self._left_out.append(f"{signal.symbol}: {error}")
            return made
        if len(signals) > 1:
            on_failure = OnFailure(body.get("on_failure", "unwind"))
            return self._manager.handle_legs(in_turn(signals, request.request_id, on_failure))
        return self._manager.handle(signals[0])

    def _why_nothing(self, request: Request) -> str:
        """Why a request led to no order: what its signal was settled with."""
        noted = [line for line in self._manager.repository.journal() if line["kind"] in ("refused", "ignored")]
        key = request.request_id
        keys = {s.signal_id for s in self._manager.repository.signals() if s.key.startswith(key)}
        return next((line["reason"] for line in reversed(noted) if line["subject"] in keys), "nothing to do")

    def _signal(self, request: Request, leg: Mapping[str, Any], nth: int) -> Signal:
        """The signal of one leg. Raises BadInput naming what is wrong with it, and UnknownName for its symbol."""
        unknown = sorted(leg.keys() - _FIELDS)
        if unknown:
            raise UnknownName("order field", unknown[0], _FIELDS)
        symbol = str(leg["symbol"])
        last = self._last(symbol)
        if symbol not in self._manager.instruments:
            raise UnknownName("symbol", symbol, self._manager.instruments)
        if last is None:
            raise Refused(f"{symbol} has no price yet")
        side = str(leg["side"])
        if side not in _SIDES:
            raise UnknownName("side", side, _SIDES)
        size = decimal("size", leg["size"])
        is_target = bool(leg.get("to_position"))
        action, direction = Action.TARGET if is_target else Action.TRADE, _SIDES[side]
        if is_target and size == 0:
            held = self._manager.ledger.position(self._account, MANUAL, symbol).direction
            if held is None:
                raise Refused(f"the position in {symbol} is 0 already")
            action, direction = Action.EXIT, held
            size = Decimal(1)
        manager = self._manager
        return Signal(
            source="person",
            key=f"{request.request_id}|{nth}",
            strategy=MANUAL,
            account=self._account,
            symbol=symbol,
            action=action,
            direction=direction,
            bar_time=last.at,
            available_at=max(manager.now, last.at),
            reference_price=manager.ledger.mark_of(symbol, last.price),
            factor=last.factor,
            size=SizeRequest(SizeRule.SHARES, size),
            protection=Protection(
                *(None if leg.get(name) is None else decimal(name, leg[name]) for name in ("stop", "target", "trail"))
            ),
            ticket=self._ticket(leg, symbol, side, last),
        )

    def _ticket(self, leg: Mapping[str, Any], symbol: str, side: str, last: Last) -> Ticket:
        kind = OrderType(_known("type", leg.get("type", "market"), OrderType))
        prices = {name: None if leg.get(name) is None else decimal(name, leg[name]) for name in ("limit", "level")}
        if leg.get("gtt"):  # good till triggered: which way the level lies says what it is
            price, level = self._manager.ledger.mark_of(symbol, last.price), prices["level"]
            if level is None:
                raise BadInput("level", None, "an order good till triggered needs one")
            is_stop = (level > price) is (side == "buy")
            kind = OrderType.STOP if is_stop else OrderType.TARGET
            if prices["limit"] is not None:
                kind = OrderType.STOP_LIMIT if is_stop else OrderType.LIMIT_IF_TOUCHED
        good_till = leg.get("good_till")
        knows = self._manager.broker.capabilities.validities
        usual = Validity.GTC if Validity.GTC in knows else Validity.DAY
        handling = Handling(
            validity=Validity(_known("validity", leg.get("validity", usual), Validity)),
            product=str(leg.get("product", "")),
            trail=None if leg.get("trailing") is None else decimal("trailing", leg["trailing"]),
            display=self._piece("display", leg, symbol, last),
            slice_size=self._piece("slice", leg, symbol, last),
            slice_pause=decimal("pause", leg.get("pause", 0)),
            after_market=bool(leg.get("after_market", False)),
            good_till=None if good_till is None else datetime.fromisoformat(good_till),
        )
        return Ticket(kind, prices["limit"], prices["level"], handling)

    def _piece(self, name: str, leg: Mapping[str, Any], symbol: str, last: Last) -> Decimal | None:
        """The size of a piece, in the units of the prices; whole lots as it is given."""
        if leg.get(name) is None:
            return None
        raw, instrument = decimal(name, leg[name]), self._manager.instruments[symbol]
        if raw <= 0 or not on_grid(raw, instrument.size_step):
            step = f"{instrument.size_step:f}"
            raise BadInput(name, f"{raw:f}", f"is no whole lot of {symbol}", f"give a multiple of {step}")
        return price_units(raw, last.factor)

    # ---- changing and ending -----------------------------------------------------------------------------------------

    def _mine(self, order_id: str) -> Order:
        order = self._manager.repository.order(order_id)
        if order.account != self._account:
            raise UnknownName("order", order_id, (), f"it is not of account {self._account}")
        return order

    def _modify(self, request: Request) -> list[Order]:
        body = request.body
        order = self._mine(str(body["order_id"]))
        given = {name: decimal(name, body[name]) for name in ("size", "limit", "level") if body.get(name) is not None}
        return [self._manager.modify(order.order_id, **given)]

    def _cancel(self, request: Request) -> list[Order]:
        order = self._mine(str(request.body["order_id"]))
        if order.state in (OrderState.UNKNOWN, OrderState.QUARANTINED, OrderState.SENDING):
            raise Refused(f"order {order.order_id} is {order.state}: what became of it has to be settled first")
        self._manager.cancel(order.order_id)
        return [self._manager.repository.order(order.order_id)]

    def _cancel_all(self, request: Request) -> list[Order]:
        """Every order that opens or changes a position; what protects one stays unless `protection` says otherwise."""
        symbol = request.body.get("symbol")
        found = self._manager.repository.open_orders(self._account, symbol)
        wanted = [o for o in found if not o.protects or request.body.get("protection")]
        for order in wanted:
            self._manager.cancel(order.order_id)
        return [self._manager.repository.order(order.order_id) for order in wanted]

    def _close_all(self, request: Request) -> list[Order]:
        """Take entries back and close every position, each under the strategy that holds it."""
        manager, symbol = self._manager, request.body.get("symbol")
        for order in manager.repository.open_orders(self._account, symbol):
            if not order.reduce_only:
                manager.cancel(order.order_id)
        made = []
        for position in manager.ledger.positions(self._account):
            if position.direction is None or symbol not in (None, position.symbol):
                continue
            last = self._last_or_none(position.symbol)
            made += manager.handle(
                Signal(
                    source="person",
                    key=f"{request.request_id}|{position.strategy}|{position.symbol}",
                    strategy=position.strategy,
                    account=self._account,
                    symbol=position.symbol,
                    action=Action.EXIT,
                    direction=position.direction,
                    bar_time=last.at if last else manager.now,
                    available_at=max(manager.now, last.at) if last else manager.now,
                    reference_price=manager.ledger.mark_of(position.symbol, position.entry_price),
                    factor=last.factor if last else Decimal(1),
                )
            )
        return made

    def _last_or_none(self, symbol: str) -> Last | None:
        """A last price, where there is one: what closes a position goes without."""
        try:
            return self._last(symbol)
        except (BadInput, Refused):
            return None

    def _book(self, request: Request) -> list[Order]:
        """Put a booking into the books: a dividend, a charge, a split, a correction."""
        body = request.body
        booking = Booking(
            account=self._account,
            kind=BookingKind(_known("kind", body["kind"], BookingKind)),
            at=self._manager.now,
            amount=decimal("amount", body.get("amount", 0)),
            ratio=None if body.get("ratio") is None else decimal("ratio", body["ratio"]),
            symbol=str(body.get("symbol", "")),
            strategy=str(body.get("strategy", "")),
            currency=str(body.get("currency", "")),
            subject=str(body.get("subject", "")),
            reason=str(body.get("reason", "")),
            by=request.by,
            booking_id=request.request_id,
        )
        self._settling.book(booking)
        return []


_FIELDS = frozenset(
    {
        "symbol", "side", "size", "to_position", "type", "limit", "level", "gtt", "stop", "target", "trail", "trailing",
        "validity", "product", "display", "slice", "pause", "after_market", "good_till",
    }
)  # fmt: skip


def _known(name: str, value: Any, kind: type[OrderType] | type[Validity] | type[BookingKind]) -> Any:
    text = str(value).strip().lower().replace("-", "_")
    if text not in set(kind):
        raise UnknownName(name, str(value), [member.value for member in kind])
    return text


def _row(order: Order) -> dict[str, str]:
    return {
        "order_id": order.order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "size": f"{order.size:f}",
        "type": order.type.value,
        "state": order.state.value,
        "reason": order.reason,
    }
