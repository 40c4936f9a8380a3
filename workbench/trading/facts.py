"""Facts: what portfolio limits look at, counted from what is on file at the moment of the decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from workbench.model import MONEY_CONTEXT, OrderState, Signal
from workbench.ports import AccountFacts, OrderRepository
from workbench.trading.ledger import Ledger

_NEVER_SENT = (OrderState.DENIED, OrderState.RECEIVED, OrderState.AWAITING_APPROVAL)


@dataclass(frozen=True, slots=True)
class Hours:
    """A market's zone, and whether it is open at an instant (None where that is not asked: bars of a day or longer)."""

    zone: ZoneInfo
    is_open: Callable[[datetime], bool | None] = lambda at: None

    def day(self, at: datetime) -> date:
        """The date of an instant in the market's zone."""
        return at.astimezone(self.zone).date()


def account_facts(
    repository: OrderRepository, ledger: Ledger, signal: Signal, hours: Hours, at: datetime
) -> AccountFacts:
    """Count what is on file for the account of a signal, at an instant of the session's clock."""
    day = hours.day(at)
    midnight = datetime.combine(day, time(), hours.zone)
    since = min(midnight, at - timedelta(minutes=1))
    recent = [o for o in repository.orders_since(signal.account, since) if o.state not in _NEVER_SENT]
    entering = [o for o in repository.open_orders(signal.account) if not o.reduce_only]
    whole = {o.order_id for o in entering if o.handling.pieces}  # of which pieces are a part
    entering = [o for o in entering if o.parent_id not in whole]
    with localcontext(MONEY_CONTEXT):
        reserved = sum((o.remaining * ledger.mark_of(o.symbol, signal.reference_price) for o in entering), Decimal(0))
    return AccountFacts(
        day=day,
        day_start_equity=repository.open_day(signal.account, day, ledger.equity(signal.account)),
        open_symbols=frozenset(p.symbol for p in ledger.positions(signal.account)) | {o.symbol for o in entering},
        reserved=reserved,
        entries_today=sum(
            1
            for o in recent
            if o.strategy == signal.strategy and not o.reduce_only and o.parent_id is None and o.created_at >= midnight
        ),
        orders_last_minute=sum(1 for o in recent if o.created_at > at - timedelta(minutes=1) and not o.protects),
        market_open=hours.is_open(at),
    )
