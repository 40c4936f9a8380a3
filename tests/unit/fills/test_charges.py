"""Charges: contract notes worked by hand, dates, tiers, bounds, and the compiled table beside the exact one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_plugins.cost_models import (
    basis_points,
    crypto,
    india_delivery,
    india_futures,
    india_intraday,
    india_options,
    per_share,
    tiered,
)

from workbench.errors import BadInput
from workbench.fills import Charge, CostModel, Costs, arithmetic
from workbench.model import Side

BUY, SELL = Side.BUY, Side.SELL
NOVEMBER, MAY_2026 = date(2024, 11, 5), date(2026, 5, 4)


# Each line as a contract note has it, worked out by hand from the published percents.
NOTES = [
    # 100 at ₹1,000, delivery: STT 0.1 %, exchange 0.00297 %, SEBI ₹10 a crore, GST 18 % of 3.07, stamp 0.015 %
    (india_delivery(), BUY, "100000", NOVEMBER,
     {"brokerage": "0", "STT": "100", "exchange": "2.97", "SEBI fee": "0.1", "GST": "0.5526", "stamp duty": "15"}),
    (india_delivery(), SELL, "100000", NOVEMBER,
     {"brokerage": "0", "STT": "100", "exchange": "2.97", "SEBI fee": "0.1", "GST": "0.5526", "stamp duty": "0"}),
    # 500 at ₹823.40 sold intraday: brokerage the lower of 123.51 and 20, STT 102.925 to the rupee
    (india_intraday(), SELL, "411700", NOVEMBER,
     {"brokerage": "20", "STT": "103", "exchange": "12.22749", "SEBI fee": "0.4117", "GST": "5.8750542",
      "stamp duty": "0"}),
    # 20 at ₹500 bought intraday: 0.03 % of 10,000 is below ₹20
    (india_intraday(), BUY, "10000", NOVEMBER,
     {"brokerage": "3", "STT": "0", "exchange": "0.297", "SEBI fee": "0.01", "GST": "0.59526", "stamp duty": "0.3"}),
    # a future of 50 at ₹24,000 after April 2026
    (india_futures(), BUY, "1200000", MAY_2026,
     {"brokerage": "20", "STT": "0", "exchange": "21.96", "SEBI fee": "1.2", "GST": "7.7688", "stamp duty": "24"}),
    (india_futures(), SELL, "1200000", MAY_2026,
     {"brokerage": "20", "STT": "600", "exchange": "21.96", "SEBI fee": "1.2", "GST": "7.7688", "stamp duty": "0"}),
    # 75 options at ₹120 sold on the last day of the old rates, and on the first of the new
    (india_options(), SELL, "9000", date(2024, 9, 30),
     {"brokerage": "20", "STT": "6", "exchange": "4.455", "SEBI fee": "0.009", "GST": "4.40352", "stamp duty": "0"}),
    (india_options(), SELL, "9000", date(2024, 10, 1),
     {"brokerage": "20", "STT": "9", "exchange": "3.1527", "SEBI fee": "0.009", "GST": "4.169106", "stamp duty": "0"}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "side", "turnover", "day", "lines"), NOTES)
def test_a_contract_note_is_as_worked_by_hand(
    model: CostModel, side: Side, turnover: str, day: date, lines: dict[str, str]
) -> None:
    found = model.parts(side, D(turnover), D(1), day)
    assert found == {name: D(amount) for name, amount in lines.items()}
    assert model.fee(side, D(turnover), D(1), day) == sum(map(D, lines.values()))


def test_a_crypto_exchange_takes_less_of_what_rested_at_its_price() -> None:
    model = crypto(maker="2", taker="5")
    assert model.fee(BUY, D(10_000), D(1), NOVEMBER) == 5
    assert model.fee(SELL, D(10_000), D(1), NOVEMBER, maker=True) == 2


def test_tiers_charge_each_part_of_an_order_its_own_percent() -> None:
    model = tiered("0=0.1/10000=0.05/100000=0.02", minimum="1")
    assert model.fee(BUY, D(500), D(1), NOVEMBER) == 1  # 0.50, and at least 1
    assert model.fee(BUY, D(10_000), D(1), NOVEMBER) == 10
    assert model.fee(BUY, D(150_000), D(1), NOVEMBER) == 10 + 45 + 10


def test_a_share_costs_what_it_costs_and_an_order_its_least() -> None:
    model = per_share("0.005", minimum="1")
    assert [model.fee(BUY, D(1), D(n), NOVEMBER) for n in (10, 1000)] == [1, 5]
    assert basis_points("10").fee(SELL, D(1000), D(1), NOVEMBER) == 1


def test_a_broker_of_ones_own_takes_the_place_of_the_usual_brokerage() -> None:
    found = india_delivery(brokerage="0.5", most="1000").parts(BUY, D(100_000), D(1), NOVEMBER)
    assert found["brokerage"] == 500
    assert found["GST"] == D("0.18") * (500 + D("2.97") + D("0.1"))


MODELS = (india_delivery(), india_intraday(), india_futures(), india_options(), crypto(), tiered(), per_share())


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(MODELS), st.sampled_from([BUY, SELL]), st.integers(1, 10**9), st.integers(1, 10**6),
    st.booleans(), st.sampled_from([date(2019, 1, 1), date(2024, 9, 30), date(2024, 10, 1), date(2026, 6, 1)]),
)  # fmt: skip
def test_the_kernels_table_charges_what_the_exact_one_does(
    model: CostModel, side: Side, cents: int, size: int, maker: bool, day: date
) -> None:
    price = D(cents) / 100
    exact = model.fee(side, price * size, D(size), day, maker=maker)
    times = np.array([(day - date(1970, 1, 1)).days * 86_400 * 10**9])
    epoch = model.epochs(times)
    charges = model.table()[int(epoch[0])]
    fast = arithmetic.order_fee(charges, 0 if side is BUY else 1, maker, float(size), float(price), 1.0)
    assert fast == pytest.approx(float(exact), rel=1e-12, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(MODELS), st.integers(1, 10**7), st.integers(1, 10**5), st.booleans())
def test_a_larger_order_never_costs_less(model: CostModel, turnover: int, more: int, maker: bool) -> None:
    small, large = (model.fee(SELL, D(t), D(t), NOVEMBER, maker=maker) for t in (turnover, turnover + more))
    assert small <= large


@pytest.mark.parametrize(
    ("charges", "words"),
    [
        ((), "no charge"),
        ((Charge("a"), Charge("a")), "charged twice"),
        ((Charge("tax", D(1), of=("fee",)), Charge("fee", D(1))), "must stand before"),
        ((Charge("tax", D(1), of=("none",)),), "is no charge of this model"),
        (tuple(Charge(f"c{i}") for i in range(17)), "more than 16"),
    ],
)
def test_a_model_that_cannot_be_is_refused(charges: tuple[Charge, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        CostModel("wrong", charges)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"buy": D(-1)}, "below 0"),
        ({"least": D(2), "most": D(1)}, "is below least"),
        ({"tiers": ((D(10), D(1)), (D(5), D(1)))}, "must rise"),
        ({"since": date(2024, 1, 2), "until": date(2024, 1, 2)}, "is not after since"),
        ({"buy": D("NaN")}, "buy"),
    ],
)
def test_a_charge_that_cannot_be_is_refused(keywords: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Charge("x", **keywords)  # type: ignore[arg-type]


def test_fees_beside_a_model_are_refused_as_charged_twice() -> None:
    with pytest.raises(BadInput, match="charged twice"):
        Costs(fee_bps=D(10), model=crypto())
