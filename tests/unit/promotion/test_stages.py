"""The stage table, written out: which stage may follow which."""

from __future__ import annotations

from itertools import product

import pytest

from workbench.errors import Refused
from workbench.model import Stage
from workbench.promotion import LADDER, check_demotion, check_promotion

R, B, W, P, L = Stage.RESEARCH, Stage.BACKTESTED, Stage.WALK_FORWARD, Stage.PAPER, Stage.LIVE
PAUSED, RETIRED = Stage.PAUSED, Stage.RETIRED

# (stage, where it was paused): where it may go
UP: dict[tuple[Stage, Stage | None], set[Stage]] = {
    (R, None): {B},
    (B, None): {W},
    (W, None): {P},
    (P, None): {L},
    (L, None): set(),
    (PAUSED, P): {P},
    (PAUSED, L): {L},
    (RETIRED, None): {R},
}
DOWN: dict[tuple[Stage, Stage | None], set[Stage]] = {
    (R, None): {RETIRED},
    (B, None): {R, RETIRED},
    (W, None): {R, B, RETIRED},
    (P, None): {R, B, W, PAUSED, RETIRED},
    (L, None): {R, B, W, P, PAUSED, RETIRED},
    (PAUSED, P): {R, B, W, RETIRED},
    (PAUSED, L): {R, B, W, P, RETIRED},
    (RETIRED, None): set(),
}


def test_the_table_names_every_stage() -> None:
    assert {now for now, _ in UP} == {now for now, _ in DOWN} == set(Stage)
    assert list(LADDER) == [R, B, W, P, L]


@pytest.mark.parametrize(("standing", "to"), list(product(UP, Stage)))
def test_a_promotion_goes_one_step_up_and_nowhere_else(standing: tuple[Stage, Stage | None], to: Stage) -> None:
    now, paused_from = standing
    if to in UP[standing]:
        check_promotion(now, to, paused_from)
        return
    with pytest.raises(Refused) as refusal:
        check_promotion(now, to, paused_from)
    for named in (now, to, *UP[standing]):
        assert named.value in str(refusal.value)


@pytest.mark.parametrize(("standing", "to"), list(product(DOWN, Stage)))
def test_a_demotion_goes_down_pauses_what_trades_or_retires(standing: tuple[Stage, Stage | None], to: Stage) -> None:
    now, paused_from = standing
    if to in DOWN[standing]:
        check_demotion(now, to, paused_from)
        return
    with pytest.raises(Refused) as refusal:
        check_demotion(now, to, paused_from)
    for named in (now, to, *DOWN[standing]):
        assert named.value in str(refusal.value)


def test_nothing_is_both_a_promotion_and_a_demotion() -> None:
    assert all(not UP[standing] & DOWN[standing] for standing in UP)
