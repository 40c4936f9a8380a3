"""Claims: what a broker's capabilities say, a name each."""

from __future__ import annotations

from workbench.ports import BrokerCapabilities

FLAGS = ("protection", "shorts", "modify", "iceberg", "after_market", "exact_cash")


def claims_of(can: BrokerCapabilities) -> set[str]:
    """What a broker claims; every one needs a case that proves it."""
    claims = {f"resend:{can.resend}", "listed_within"}
    claims |= {f"type:{kind}" for kind in can.types} | {f"validity:{validity}" for validity in can.validities}
    claims |= {name for name in FLAGS if getattr(can, name)}
    return claims | ({"products"} if can.products else set())
