"""The bundled cost models. Numbers may come as text, as from the shell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput
from workbench.fills import Charge, CostModel
from workbench.model import decimal, not_negative
from workbench_plugins.india_charges import GST_PERCENT, SEBI_PERCENT, SEGMENTS

Number = str | int | float | Decimal


def basis_points(bps: Number = 10, minimum: Number = 0) -> CostModel:
    """A commission of so many basis points of turnover, with a least amount an order."""
    percent = _number("bps", bps) / 100
    return CostModel("basis_points", (Charge("commission", percent, percent, least=_number("minimum", minimum)),))


def per_share(amount: Number = "0.005", minimum: Number = 1) -> CostModel:
    """A commission a raw share, with a least amount an order."""
    charge = Charge("commission", per_unit=_number("amount", amount), least=_number("minimum", minimum))
    return CostModel("per_share", (charge,))


def tiered(tiers: str = "0=0.1/10000=0.05/100000=0.02", minimum: Number = 0) -> CostModel:
    """A commission in percent of turnover that falls with the size of an order: from=percent, joined by /.

    Each part of the turnover pays the percent of its own tier.
    """
    pairs = []
    for part in str(tiers).split("/"):
        bound, equals, rate = part.partition("=")
        if not equals:
            raise BadInput("costs tiers", tiers, "is no FROM=PERCENT/…", "as in 0=0.1/10000=0.05")
        pairs.append((_number("tier", bound), _number("tier percent", rate)))
    if pairs[0][0] != 0:
        raise BadInput("costs tiers", tiers, "does not begin at 0", "as in 0=0.1/10000=0.05")
    first = pairs[0][1]
    charge = Charge("commission", first, first, tiers=tuple(pairs[1:]), least=_number("minimum", minimum))
    return CostModel("tiered", (charge,))


def crypto(maker: Number = 2, taker: Number = 5) -> CostModel:
    """An exchange's fees in basis points: `taker` for what trades at once, `maker` for what rested at its price.

    Targets and limit orders are makers; market orders and stops are takers.
    """
    taken, made = _number("taker", taker) / 100, _number("maker", maker) / 100
    return CostModel("crypto", (Charge("exchange fee", taken, taken, made, made),))


def india_delivery(**changes: Any) -> CostModel:
    """Equity delivery at the NSE."""
    return _india("delivery", **changes)


def india_intraday(**changes: Any) -> CostModel:
    """Equity intraday at the NSE."""
    return _india("intraday", **changes)


def india_futures(**changes: Any) -> CostModel:
    """Futures at the NSE."""
    return _india("futures", **changes)


def india_options(**changes: Any) -> CostModel:
    """Options at the NSE; turnover is the premium."""
    return _india("options", **changes)


def _india(segment: str, brokerage: Number | None = None, most: Number | None = None) -> CostModel:
    """A segment's charges; `brokerage` is percent an order and `most` rupees an order, in place of the usual."""
    rates = SEGMENTS[segment]
    usual = rates.brokerage_percent
    percent = _number("brokerage", brokerage) if brokerage is not None else None if usual is None else Decimal(usual)
    cap = _number("most", most) if most is not None else Decimal(rates.brokerage_most)
    if percent is None:
        broker = Charge("brokerage", per_order=cap)
    else:
        broker = Charge("brokerage", percent, percent, most=cap if cap or percent == 0 else None)
    charges = [broker]
    for since, until, buy, sell in _dated(rates.stt):
        charges.append(Charge("STT", Decimal(buy), Decimal(sell), step=Decimal(1), since=since, until=until))
    for since, until, rate in _dated(rates.transaction):
        charges.append(Charge("exchange", Decimal(rate), Decimal(rate), since=since, until=until))
    charges.append(Charge("SEBI fee", SEBI_PERCENT, SEBI_PERCENT))
    charges.append(Charge("GST", GST_PERCENT, GST_PERCENT, of=("brokerage", "exchange", "SEBI fee")))
    charges.append(Charge("stamp duty", Decimal(rates.stamp)))
    notes = ("Indian rates are those published by 2026; check them against a contract note",)
    return CostModel(f"india_{segment}", tuple(charges), "INR", notes)


def _dated(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Rows with the day their rates end put behind the day they begin."""
    for i, (since, *rest) in enumerate(rows):
        until: date | None = rows[i + 1][0] if i + 1 < len(rows) else None
        yield since, until, *rest


def _number(name: str, value: Number) -> Decimal:
    return not_negative(f"costs {name}", decimal(f"costs {name}", value))
