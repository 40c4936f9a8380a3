"""Bar rig: the world of a broker that trades on bars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from workbench.model import Bar, Instrument
from workbench.ports import BarBroker, Broker
from workbench.testing.brokers.line import Faults, FaultyLine

SHARE = Instrument("ROCKET", tick=Decimal("0.01"), lot=Decimal(1))
_OPENS = datetime(2024, 1, 2, 15, tzinfo=UTC)
_PLENTY = Decimal(1_000_000_000)
_MINUTE = timedelta(minutes=1)


class BarRig:
    """Implements `BrokerRig` for brokers without costs that trade on bars in this process, behind a faulty line.

    `factory` makes the broker; with `is_kept` it knows its account again when it is called anew, as one with a file
    does. Bars are of one minute and flat; with `volume_limits` the broker fills no more than a bar's volume.
    """

    patience = 2.0
    secrets: tuple[str, ...] = ()

    def __init__(
        self,
        factory: Callable[[], BarBroker],
        *,
        is_kept: bool = False,
        volume_limits: bool = False,
        instrument: Instrument = SHARE,
        account: str = "conformance",
        cash: Decimal = Decimal(100_000),
        price: Decimal = Decimal(100),
    ) -> None:
        self._factory, self._is_kept, self._volume_limits = factory, is_kept, volume_limits
        self.instrument, self.account, self.cash, self.price = instrument, account, cash, price
        self.faults = Faults()
        self.client: FaultyLine | None = None
        self._next = _OPENS
        self._last = _OPENS
        self._volume = _PLENTY if volume_limits else None

    def make(self) -> Broker:
        """A broker behind a line, its account opened."""
        if self.client is not None and not self._is_kept:
            raise NotImplementedError("this broker keeps nothing beyond the process")
        broker = self._factory()
        broker.open_account(self.account, self.cash, [self.instrument])
        self.client = FaultyLine(broker, self.faults)
        return self.client

    def now(self) -> datetime:
        """The start of the last bar."""
        return self._last

    def quote(self, price: Decimal) -> None:
        """Let a bar at one price happen."""
        start = self._next
        self._last, self._next = start, start + _MINUTE
        bar = Bar(self.instrument.symbol, start, start + _MINUTE, price, price, price, price, self._volume)
        if self.client is not None:
            self.client.trade_bars({self.instrument.symbol: bar})

    def liquidity(self, size: Decimal | None) -> None:
        """Let bars have so much volume."""
        if not self._volume_limits:
            raise NotImplementedError("this broker fills the whole size at any bar")
        self._volume = _PLENTY if size is None else size

    def end_day(self) -> None:
        """Let the next bar be one of tomorrow's."""
        self._next = _OPENS + timedelta(days=(self._next.date() - _OPENS.date()).days + 1)

    def fail(self, how: str) -> None:
        """Let the line fail."""
        self.faults.fail(how)

    def mend(self) -> None:
        """Let the line work again."""
        self.faults.mend()

    def taken(self) -> list[str]:
        """What the broker lists, as it and its client are one."""
        assert self.client is not None
        return [order.client_order_id or order.broker_id for order in self.client.behind.orders()]

    def settle(self) -> None:
        """Nothing is ever on its way, unless the broker says so."""
        while self.client is not None and self.client.deliver():
            pass
