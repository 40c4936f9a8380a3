"""Margin at the paper broker: what positions bind, by segment and product, with the benefit of a hedge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.model import Instrument, decimal, positive
from workbench_plugins.paper_realism import read_settings

SEGMENTS = ("equity", "futures", "option_buy", "option_sell")
ANY = "*"
_DERIVATIVE = re.compile(r"([A-Z0-9&-]*?[A-Z&-])(\d{2}[A-Z]{3}\d{2})(?:FUT|(\d+(?:\.\d+)?)(CE|PE))")
_ALWAYS = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Contract:
    """What an instrument is to a margin table: `right` is CE (a call), PE (a put), or empty.

    `series` is the underlying with the expiry: contracts of one series settle at one price.
    """

    segment: str
    series: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""


def contract_of(instrument: Instrument) -> Contract:
    """The contract behind a symbol in OpenAlgo's writing: NIFTY28NOV26FUT, NIFTY28NOV2624000CE; else an equity."""
    found = _DERIVATIVE.fullmatch(instrument.symbol.rpartition(":")[2])
    if found is None:
        return Contract("equity", instrument.symbol)
    underlying, expiry, strike, right = found.groups()
    series = f"{underlying}|{expiry}"
    return Contract("option", series, Decimal(strike), right) if right else Contract("futures", series)


@dataclass(frozen=True, slots=True)
class MarginRow:
    """From a day on (in the market's zone, inclusive), what a segment's positions bind under a product.

    Initial margin is notional ÷ `leverage`; `maintenance` is the share of the notional at which a margin call comes.
    The notional of an option sold is strike × size, of one bought its premium. `product` "*" is any other.
    """

    segment: str
    product: str
    leverage: Decimal
    maintenance: Decimal
    since: date = _ALWAYS

    def __post_init__(self) -> None:
        if self.segment not in SEGMENTS:
            raise UnknownName("margin segment", self.segment, SEGMENTS)
        for name in ("leverage", "maintenance"):
            object.__setattr__(self, name, positive(name, decimal(f"margin {name}", getattr(self, name))))
        if self.maintenance * self.leverage > 1:
            raise BadInput("margin maintenance", self.maintenance, f"is above the initial margin, 1/{self.leverage}")


@dataclass(frozen=True, slots=True)
class Leg:
    """A position as margin sees it: signed size, what a unit is worth, and what it is."""

    contract: Contract
    product: str
    size: Decimal
    mark: Decimal


@dataclass(frozen=True, slots=True)
class MarginTable:
    """Dated rows by segment and product; `products` are the names a ticket may use, the first the default.

    The rows bundled are round figures of what brokers publish, not an exchange's: check them before relying on one.
    """

    rows: tuple[MarginRow, ...]
    products: tuple[str, ...] = (ANY,)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    """What symbols are whose name does not say it."""

    @staticmethod
    def of(given: MarginTable | Mapping[str, Any] | str | None) -> MarginTable | None:
        """A table by its name in settings: "india", "us", or "crypto=5" for a leverage of 5. Raises BadInput."""
        if given is None or isinstance(given, MarginTable):
            return given
        if isinstance(given, str) and given in _BUNDLED:
            return _BUNDLED[given]
        if isinstance(given, str) and "=" not in given:
            raise UnknownName("margin table", given, (*_BUNDLED, "crypto=LEVERAGE"))
        return crypto_table(read_settings("margin", given, ("crypto",)).get("crypto", "1"))

    def row(self, segment: str, product: str, on: date) -> MarginRow:
        """The row in force on a day: the product's own, else that of any. Raises BadInput where there is none."""
        for name in (product, ANY):
            found = [r for r in self.rows if (r.segment, r.product) == (segment, name) and r.since <= on]
            if found:
                return max(found, key=lambda r: r.since)
        raise BadInput("margin table", f"{segment} {product}", f"has no row in force on {on}", "add one")

    def contract(self, instrument: Instrument) -> Contract:
        """What an instrument is."""
        return self.contracts.get(instrument.symbol) or contract_of(instrument)

    def required(self, legs: Iterable[Leg], on: date, *, maintenance: bool = False) -> Decimal:
        """What positions bind together; `maintenance` asks for what must not be undercut.

        Sizes of one contract and product are netted. The futures and options of one series bind the smaller of the
        sum over the legs and, where it is limited, what they can lose together until they settle at one price: the
        rule for spreads of the Cboe Margin Manual, taken as it is for series of any exchange. Nothing is set off
        between series, expiries, or an equity and its derivatives.
        """
        series: dict[str, list[Leg]] = {}
        total = Decimal(0)
        for leg in _netted(legs):
            if leg.contract.segment == "equity":
                total += self._alone(leg, on, maintenance)
            else:
                series.setdefault(leg.contract.series, []).append(leg)
        for group in series.values():
            alone = sum((self._alone(leg, on, maintenance) for leg in group), Decimal(0))
            worst = worst_case(group) if len(group) > 1 else None
            total += alone if worst is None else min(alone, worst)
        return total

    def _alone(self, leg: Leg, on: date, maintenance: bool) -> Decimal:
        segment, unit = leg.contract.segment, leg.mark
        if segment == "option":
            segment, unit = ("option_buy", leg.mark) if leg.size > 0 else ("option_sell", leg.contract.strike)
        row = self.row(segment, leg.product, on)
        notional = abs(leg.size) * unit
        return notional * row.maintenance if maintenance else notional / row.leverage


def worst_case(legs: Iterable[Leg]) -> Decimal | None:
    """The most that futures and options of one series can lose from their marks until they settle at one price.

    Their value now, less the least they are worth at any settlement price S ≥ 0: a future S, a call max(S - K, 0), a
    put max(K - S, 0). That is a broken line, least at 0 or at a strike, unless it falls for ever: then None.
    """
    held = list(legs)
    rise = sum((leg.size for leg in held if leg.contract.right != "PE"), Decimal(0))
    if rise < 0:
        return None
    prices = {Decimal(0), *(leg.contract.strike for leg in held)}
    least = min(sum((leg.size * _settled(leg.contract, price) for leg in held), Decimal(0)) for price in prices)
    now = sum((leg.size * leg.mark for leg in held), Decimal(0))
    return max(now - least, Decimal(0))


def crypto_table(leverage: Decimal | int | float | str) -> MarginTable:
    """A table with one leverage for everything; maintenance is half the initial margin (an assumption)."""
    most = positive("crypto leverage", decimal("crypto leverage", leverage))
    rows = tuple(MarginRow(segment, ANY, most, 1 / most / 2) for segment in SEGMENTS)
    return MarginTable(rows)


def legs_of(positions: Iterable[tuple[str, str, Decimal]], table: MarginTable, instruments: Mapping[str, Instrument],
            marks: Mapping[str, Decimal]) -> list[Leg]:  # fmt: skip
    """Legs of (symbol, product, signed size) at their marks."""
    return [
        Leg(table.contract(instruments[symbol]), product, size, marks[symbol]) for symbol, product, size in positions
    ]


def market_day(at: datetime) -> date:
    """The day a row's date is compared with."""
    return at.date()


def _netted(legs: Iterable[Leg]) -> list[Leg]:
    found: dict[tuple[Contract, str], Leg] = {}
    for leg in legs:
        key = leg.contract, leg.product
        size = leg.size + (found[key].size if key in found else 0)
        found[key] = Leg(leg.contract, leg.product, size, leg.mark)
    return [leg for leg in found.values() if leg.size]


def _settled(contract: Contract, price: Decimal) -> Decimal:
    if not contract.right:
        return price
    gain = price - contract.strike if contract.right == "CE" else contract.strike - price
    return max(gain, Decimal(0))


def _india() -> MarginTable:
    # leverage as OpenAlgo's sandbox has it; a call comes at three quarters of the initial margin (an assumption)
    rows = [("equity", "MIS", "5"), ("equity", ANY, "1"), ("futures", ANY, "10"), ("option_buy", ANY, "1"),
            ("option_sell", ANY, "10")]  # fmt: skip
    made = (MarginRow(s, p, Decimal(x), Decimal("0.75") / Decimal(x)) for s, p, x in rows)
    return MarginTable(tuple(made), ("CNC", "MIS", "NRML"))


def _us() -> MarginTable:
    # Regulation T: half of the price at first; FINRA rule 4210: a quarter at all times, four times equity in the day
    rows = [("equity", "CASH", "1", "1"), ("equity", "DAY", "4", "0.25"), ("equity", ANY, "2", "0.25"),
            ("futures", ANY, "10", "0.09"), ("option_buy", ANY, "1", "1"),
            ("option_sell", ANY, "5", "0.15")]  # fmt: skip
    made = (MarginRow(s, p, Decimal(x), Decimal(m)) for s, p, x, m in rows)
    return MarginTable(tuple(made), ("MARGIN", "DAY", "CASH"))


_BUNDLED = {"india": _india(), "us": _us()}
