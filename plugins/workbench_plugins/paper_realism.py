"""Realism: what trading meets beyond the rule for fills. Everything is off until it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from hashlib import sha256
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.model import Bar, Order, decimal, not_negative, positive

_BASIS = Decimal(10_000)
_FOUR_LN_2 = 4 * Decimal(2).ln()
_DIGITS = 28
"""Digits of roots and logarithms: more than any price has."""


@dataclass(frozen=True, slots=True)
class Realism:
    """How the market answers orders; the default is the rule for fills alone.

    On bars: all orders of an account take together at most `volume_share` (above 0, at most 1) of a bar's volume, the
    rest waits; `spread_bps` is the whole spread, of which market and stop orders pay half; `impact` is the coefficient
    of the square-root law, `sigma` the volatility in it (a share of the price; None: worked out from each bar);
    `jitter_bps` is the most of an extra cost that differs from fill to fill, worked out from `seed`, so that the same
    seed gives the same fills. An order becomes active `latency_bars` traded bars late, or `latency_s` seconds after it
    was given. On quotes: `latency_s`, and `quote_age_s`, by how many seconds a quote may lag behind the newest of any
    symbol (None: any). Raises BadInput.
    """

    volume_share: Decimal | None = None
    latency_bars: int = 0
    latency_s: Decimal = Decimal(0)
    spread_bps: Decimal = Decimal(0)
    impact: Decimal = Decimal(0)
    sigma: Decimal | None = None
    jitter_bps: Decimal = Decimal(0)
    quote_age_s: Decimal | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("volume_share", "latency_s", "spread_bps", "impact", "sigma", "jitter_bps", "quote_age_s"):
            given = getattr(self, name)
            if given is None and name in ("volume_share", "sigma", "quote_age_s"):
                continue
            check = positive if name in ("volume_share", "sigma", "quote_age_s") else not_negative
            object.__setattr__(self, name, check(f"realism {name}", decimal(f"realism {name}", given)))
        if self.volume_share is not None and self.volume_share > 1:
            raise BadInput("realism volume_share", self.volume_share, "must not be above 1", "0.1 means 10 %")
        for name in ("spread_bps", "jitter_bps"):
            if getattr(self, name) > 1000:
                raise BadInput(f"realism {name}", getattr(self, name), "must not be above 1000 basis points (10 %)")
        for name, most in (("impact", 100), ("sigma", 1), ("latency_s", 86_400)):
            if (getattr(self, name) or 0) > most:
                raise BadInput(f"realism {name}", getattr(self, name), f"must not be above {most}")
        for name in ("latency_bars", "seed"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise BadInput(f"realism {name}", value, "must be a whole number, not below 0")
        if self.latency_bars and self.latency_s:
            raise BadInput("realism latency_bars", self.latency_bars, "and latency_s exclude each other", "give one")

    @staticmethod
    def of(given: Realism | Mapping[str, Any] | str | None) -> Realism:
        """Realism from a table of settings or from a text such as "volume_share=0.1, spread_bps=4". Raises BadInput."""
        if given is None or isinstance(given, Realism):
            return given or Realism()
        return Realism(**read_settings("realism", given, NAMES, WHOLE))

    @property
    def needs_volume(self) -> bool:
        """Whether bars have to say how much was traded."""
        return self.volume_share is not None or self.impact > 0

    @property
    def has_cost(self) -> bool:
        """Whether market and stop orders pay more than the rule for fills says, whatever their size."""
        return bool(self.spread_bps or self.jitter_bps)

    def cost_bps(self, order: Order, bar: Bar) -> Decimal:
        """What a market or stop order pays beyond slippage whatever its size: half the spread, and the jitter."""
        return self.spread_bps / 2 + self._jitter(f"{order.client_order_id or order.order_id}|{bar.start}")

    def impact_bps(self, raw_size: Decimal, bar: Bar) -> Decimal:
        """What a market or stop order of a size (raw units) pays for moving the price, in basis points.

        Coefficient × sigma × √(size ÷ volume of the bar): the square-root law of impact (Grinold and Kahn, Active
        Portfolio Management, 2000, ch. 16; Tóth et al., Physical Review X 1, 021006, 2011). Sigma is that of the bar:
        where it is not given, Parkinson's ln(high ÷ low) ÷ √(4 ln 2) (Journal of Business 53, 1980).
        """
        if not self.impact or not bar.volume:
            return Decimal(0)
        with localcontext(prec=_DIGITS):
            sigma = (bar.high / bar.low).ln() / _FOUR_LN_2.sqrt() if self.sigma is None else self.sigma
            return self.impact * sigma * (raw_size / bar.volume).sqrt() * _BASIS

    def _jitter(self, what: str) -> Decimal:
        if not self.jitter_bps:
            return Decimal(0)
        drawn = int.from_bytes(sha256(f"{self.seed}|{what}".encode()).digest()[:6], "big")
        return self.jitter_bps * drawn / 2**48


NAMES = tuple(f.name for f in fields(Realism))
"""The settings of realism."""
WHOLE = ("latency_bars", "seed")
"""Those that are whole numbers."""


def read_settings(
    what: str, given: Mapping[str, Any] | str, known: tuple[str, ...], whole: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A mapping of settings from a table or from a text of `name=value` pairs. Raises UnknownName and BadInput."""
    pairs: dict[str, Any]
    if isinstance(given, str):
        pairs = dict(_pair(what, part) for part in given.split(",") if part)
    else:
        pairs = dict(given)
    for name, value in pairs.items():
        if name not in known:
            raise UnknownName(f"{what} setting", name, known)
        if name in whole and isinstance(value, str):
            if not value.isdecimal():
                raise BadInput(f"{what} {name}", value, "must be a whole number, not below 0")
            pairs[name] = int(value)
    return pairs


def _pair(what: str, part: str) -> tuple[str, str]:
    name, mark, value = part.partition("=")
    if not mark:
        raise BadInput(what, part.strip(), "is no setting", "write name=value, with commas between")
    return name.strip(), value.strip()
