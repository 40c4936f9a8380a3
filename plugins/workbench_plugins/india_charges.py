"""Indian charges by segment, dated: one table for all that trades at the NSE.

Percent of turnover, of premium for options. Sources: brokers' published pages and the exchange's circulars, as of 2026;
check a contract note of your own before relying on them. STT is rounded to the rupee. Stamp duty is the uniform rate of
July 2020; days before it are charged the same. The transaction charge published in 2026 counts here from 2026-01-01,
as the day it began was not at hand, and the one before October 2024 was not checked against a contract note.
Not in the table: demat (DP) charges of delivery sales, STT on exercised options, clearing charges.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

OCTOBER_2024, JANUARY_2026, APRIL_2026 = date(2024, 10, 1), date(2026, 1, 1), date(2026, 4, 1)
SEBI_PERCENT = Decimal("0.0001")
"""₹10 a crore of turnover."""
GST_PERCENT = Decimal(18)
"""Of brokerage, SEBI fee and transaction charge."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment's rates in percent: (from which day, buy, sell) of STT, (day, rate) of the transaction charge.

    `stamp` is paid by buyers. `brokerage_percent` and `brokerage_most` are those of a common discount broker, an order:
    the lower of the two; a percent of None is the amount alone.
    """

    stt: tuple[tuple[date | None, str, str], ...]
    transaction: tuple[tuple[date | None, str], ...]
    stamp: str
    brokerage_percent: str | None
    brokerage_most: str


def _cash(rate: str) -> tuple[tuple[date | None, str], ...]:
    return (None, rate), (OCTOBER_2024, "0.00297"), (JANUARY_2026, "0.00307")


SEGMENTS = {
    "delivery": Segment(((None, "0.1", "0.1"),), _cash("0.00322"), "0.015", "0", "0"),
    "intraday": Segment(((None, "0", "0.025"),), _cash("0.00322"), "0.003", "0.03", "20"),
    "futures": Segment(
        ((None, "0", "0.0125"), (OCTOBER_2024, "0", "0.02"), (APRIL_2026, "0", "0.05")),
        ((None, "0.00188"), (OCTOBER_2024, "0.00173"), (JANUARY_2026, "0.00183")),
        "0.002", "0.03", "20",
    ),
    "options": Segment(
        ((None, "0", "0.0625"), (OCTOBER_2024, "0", "0.1"), (APRIL_2026, "0", "0.15")),
        ((None, "0.0495"), (OCTOBER_2024, "0.03503"), (JANUARY_2026, "0.03553")),
        "0.003", None, "20",
    ),
}  # fmt: skip
