"""Broker ports: somewhere to send orders to, and what it reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable

from workbench.model import Bar, Fill, Instrument, Order, Position


class BrokerListener(Protocol):
    """What a broker tells the order manager; called in the order in which things happened."""

    def on_acknowledged(self, order_id: str) -> None:
        """The broker has taken the order."""

    def on_fill(self, fill: Fill) -> None:
        """A piece of the order traded."""

    def on_closed(self, order_id: str, state: str, reason: str) -> None:
        """The order ended without (further) fills: `state` is rejected, cancelled or expired."""

    def on_level(self, order_id: str, level: Decimal) -> None:
        """A trailing child's level moved."""


@dataclass(frozen=True, slots=True)
class BrokerCapabilities:
    """What a broker does by itself; the conformance suite proves each claim.

    `resend` is "dedupes" (a repeated client order id is refused), "searchable" (the id comes back in queries) or
    "blind" (neither). `protection` says that it holds stop, target and trail of a position itself.
    """

    resend: str = "blind"
    protection: bool = False
    shorts: bool = False


@runtime_checkable
class Broker(Protocol):
    """Somewhere to send orders to."""

    capabilities: BrokerCapabilities

    def connect(self, listener: BrokerListener) -> None:
        """Start reporting to a listener; once, before the first order."""

    def submit(self, order: Order) -> None:
        """Send one order, once. Raises workbench.errors.Refused for a definite refusal; anything else is unknown."""

    def cancel(self, order_id: str) -> None:
        """Ask for a working order to be cancelled; the answer comes to the listener."""

    def orders(self) -> Sequence[Order]:
        """All orders of the day as the broker sees them."""

    def fills(self) -> Sequence[Fill]:
        """All fills of the day."""

    def positions(self) -> Sequence[Position]:
        """All positions that are not flat."""

    def cash(self, account: str) -> Decimal:
        """Settled cash of an account."""


@runtime_checkable
class BarBroker(Broker, Protocol):
    """A broker that trades on bars, phase by phase, as paper and replay do."""

    def open_account(self, account: str, cash: Decimal, instruments: Iterable[Instrument]) -> None:
        """Add an account with its starting cash and what it may trade."""

    def trade_bars(self, bars: Mapping[str, Bar]) -> None:
        """Let one instant's bars happen: fills at the open, then inside the bar, then trails move."""
