"""The risk a signal stands for: the largest loss down to its stop, and its level by the account's equity."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.bootstrap.signal_views import WARNING, risk_of


def risk(
    sizes: tuple[str, ...] = ("10",),
    stop: str | None = "2",
    equity: str | None = "10000",
    direction: str = "long",
    price: str = "100",
    status: str = "ordered",
) -> dict[str, Any]:
    signal = {"action": "entry", "direction": direction, "reference_price": price, "protection": {"stop": stop}}
    orders = [{"account": "mine", "size": size, "reduce_only": False} for size in sizes]
    child = {"account": "mine", "size": "10", "reduce_only": True, "parent_id": "1"}
    known = {"mine": None if equity is None else Decimal(equity)}
    return risk_of(SimpleNamespace(signal=signal, alert=None, status=status), [*orders, child], known.__getitem__)


@pytest.mark.parametrize(
    ("given", "loss", "percent", "level"),
    [
        ({}, "20.00", "0.20", "low"),  # 10 x 100 x 2 percent
        ({"sizes": ("10", "40")}, "100.00", "1.00", "low"),  # 1 percent is low yet
        ({"sizes": ("50.5",)}, "101.00", "1.01", "medium"),
        ({"sizes": ("250",)}, "500.00", "5.00", "medium"),
        ({"sizes": ("251",)}, "502.00", "5.02", "high"),
        ({"stop": None, "sizes": ("4",)}, "400.00", "4.00", "medium"),
        ({"stop": None, "sizes": ("4",), "direction": "short"}, "400.00", "4.00", "high"),  # it can lose more
        ({"stop": "2.5", "sizes": ("0.001",), "price": "63000.10"}, "1.58", "0.02", "low"),
        ({"equity": None}, "20.00", None, "high"),  # of what, nobody knows
        ({"sizes": ("10", "0")}, "20.00", "0.20", "low"),
        ({"equity": "-5"}, "20.00", None, "high"),
    ],
)
def test_the_largest_loss_is_that_down_to_the_stop_and_the_level_its_share_of_the_equity(
    given: dict[str, Any], loss: str, percent: str | None, level: str
) -> None:
    found = risk(**given)
    assert (found["largest_loss"], found["percent_of_equity"], found["level"]) == (loss, percent, level)
    assert found["warning"] == WARNING


def test_what_closes_risks_nothing_and_what_led_to_no_order_is_unknown() -> None:
    closing = SimpleNamespace(signal={"action": "exit"}, alert=None)
    asked = SimpleNamespace(signal=None, alert={"action": "exit_long"})
    for row in (closing, asked):
        assert risk_of(row, [], lambda _: None) == {
            "level": "none", "largest_loss": "0", "basis": "it closes", "warning": ""
        }  # fmt: skip
    assert (risk(status="denied")["level"], risk(status="denied")["basis"]) == ("none", "the risk rules denied it")
    for found in (risk(sizes=()), risk(sizes=("0",))):
        assert (found["level"], found["largest_loss"], found["basis"]) == ("unknown", None, "it led to no order")
