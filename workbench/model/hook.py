"""Hook: a door for alerts, and the rules of who and what may come through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from workbench.errors import BadInput
from workbench.model.numbers import positive
from workbench.model.times import utc

TRADINGVIEW = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
"""The addresses TradingView says it sends alerts from."""


@dataclass(frozen=True, slots=True)
class HookRules:
    """What is asked of an alert at a hook, beyond its token.

    `secret` is the keyed hash of a text that the body has to carry, empty for none; `signed` asks for an HMAC header,
    `sealed` for an encrypted body. `addresses` are networks alerts may come from. `symbols`, `most_size` (units of the
    instrument), `most_value` (currency) bound what an entry may ask for, `a_day` how many alerts are taken in 24 hours,
    `a_minute` how many in one, with a burst of as many. `age` is how old, in seconds, an alert may be that says when it
    was made; `window` how long, in seconds, one without an id counts as a repeat; `price_within` how many percent its
    price may be off the market's. `keys` counts how often the keys for signing and encrypting were made anew.
    """

    secret: str = ""
    signed: bool = False
    sealed: bool = False
    addresses: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    most_size: Decimal | None = None
    most_value: Decimal | None = None
    a_day: int | None = None
    a_minute: int = 3_000
    age: float | None = 60.0
    window: float = 60.0
    price_within: Decimal | None = None
    keys: int = 0

    def __post_init__(self) -> None:
        networks = []
        for text in self.addresses:
            names = TRADINGVIEW if text.strip().lower() == "tradingview" else (text.strip(),)
            for name in names:
                try:
                    networks.append(str(ip_network(name, strict=False)))
                except ValueError:
                    raise BadInput(
                        "address", text, "is no address or network", "as in 203.0.113.7, 203.0.113.0/24 or tradingview"
                    ) from None
        object.__setattr__(self, "addresses", tuple(networks))
        object.__setattr__(self, "symbols", tuple(self.symbols))
        for name in ("most_size", "most_value", "price_within"):
            if getattr(self, name) is not None:
                positive(name.replace("_", " "), getattr(self, name))
        for name in ("a_day", "a_minute", "age", "window"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1_000_000:
                raise BadInput(name.replace("_", " "), value, "must be above 0 and at most 1,000,000")


@dataclass(frozen=True, slots=True)
class Hook:
    """A door for alerts in one format, that drive one strategy, or go to the algos of a group.

    Its token is known only by its hash. `settings` are the format's.
    """

    hook_id: str
    name: str
    strategy: str
    created_at: datetime
    group: str = ""
    format: str = "tradingview"
    settings: Mapping[str, Any] = field(default_factory=dict)
    rules: HookRules = HookRules()
    about: str = ""
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        name = self.name.strip()
        if not name or len(name) > 100 or any(ord(c) < 32 for c in name):
            raise BadInput("hook name", self.name, "must hold 1 to 100 printable characters")
        if bool(self.strategy) is bool(self.group):
            raise BadInput("hook", name, "drives a strategy or a group", "name one of the two")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "created_at", utc("created_at", self.created_at))

    @property
    def source(self) -> str:
        """What its alerts and signals are filed under."""
        return f"webhook:{self.name}"
