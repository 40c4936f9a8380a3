"""The contract of brokers is worth something: each broken broker turns the case red that is there for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.paper_broker import PaperBroker

from tests.conformance import broken, broken_lines
from workbench.model import OrderType, Side
from workbench.ports import BrokerCapabilities
from workbench.testing.brokers import BarRig, BrokerContract, Desk, Record, case, claims_of

NOT_AGAIN = "a_request_with_a_lost_answer_is_not_sent_again_by_the_client"
STOP = {"kind": OrderType.STOP, "side": Side.BUY}
BITES: list[tuple[type, str, dict[str, Any]]] = [
    (broken.TellsFillsTwice, "fills_are_told_once_each", {}),
    (broken.TellsFillsTwice, "what_is_told_and_what_is_listed_are_the_same_fills", {}),
    (broken.NumbersFillsByList, "fills_that_are_listed_again_are_the_same_fills", {}),
    (broken.NumbersFillsByList, "fills_are_listed_again_under_the_same_ids", {}),
    (broken_lines.RefusesAfterTaking, "the_brokers_own_refusal_is_refused_in_words_and_leaves_nothing", {}),
    (broken.LosesCancelAnswers, "a_cancel_of_an_order_that_rests_ends_it_for_a_reason", {"side": Side.BUY}),
    (broken.IgnoresCancels, "a_cancelled_order_does_not_trade_when_its_price_comes", {}),
    (broken.TakesAnIdTwice, "an_id_is_refused_while_its_order_works", {}),
    (broken.TakesAnIdTwice, "an_id_is_refused_by_a_new_client_too", {}),
    (broken.FillsAboveTheLimit, "it_trades_when_its_price_has_come", {"kind": OrderType.LIMIT, "side": Side.BUY}),
    (broken.TriggersEarly, "it_rests_while_its_price_has_not_come", STOP),
    (broken.AnswersInAThread, "the_listener_hears_only_inside_calls_and_in_the_callers_thread", {}),
    (broken.AcknowledgesAfterTheFill, "an_order_is_acknowledged_no_later_than_it_fills", {}),
    (broken.ForgetsAtRestart, "orders_are_listed_again_as_they_stood", {}),
    (broken.ForgetsAtRestart, "the_core_comes_back_without_drift_and_counts_each_fill_once", {}),
    (broken.SignsPositionsWrongly, "a_sale_of_what_is_not_held_makes_a_negative_position", {}),
    (broken.TellsNaiveTimes, "every_time_is_in_utc_and_says_so", {}),
    (broken.TakesIndiaForUtc, "a_fill_is_timed_when_it_happened", {"side": Side.BUY}),
    (broken.TellsFloats, "every_number_is_a_finite_decimal", {}),
    (broken.TellsFloatTails, "fill_prices_are_on_the_tick_grid_without_a_floats_tail", {}),
    (broken.ClaimsToBeSearchable, "the_id_comes_back_in_the_list_of_orders", {}),
    (broken.ClaimsToBeSearchable, "the_core_ends_with_one_order_or_with_one_that_a_person_looks_at",
     {"how": "drop_after"}),
    (broken.MakesIdsUp, "a_blind_brokers_orders_bear_our_id_rightly_or_not_at_all", {}),
    (broken.CountsCashWrongly, "cash_after_a_buy_is_less_by_price_and_fee", {}),
    (broken.TellsChangesItNeverMade, "a_nearer_limit_trades_where_the_old_one_would_not", {}),
    (broken.ClampsNothing, "an_exit_is_cut_to_the_position", {}),
    (broken.ReportsNobodysOrder, "every_report_names_an_order_its_account_symbol_and_side", {}),
    (broken_lines.RetriesInside, NOT_AGAIN, {"how": "drop_before"}),
    (broken_lines.RetriesInside, NOT_AGAIN, {"how": "drop_after"}),
    (broken_lines.CallsLostRefused, "a_lost_answer_is_neither_refused_nor_not_sent", {"how": "hang"}),
    (broken_lines.CallsLostRefused, "the_core_ends_with_one_order_or_with_one_that_a_person_looks_at", {"how": "hang"}),
    (broken_lines.CallsLostNotSent, "a_lost_answer_is_neither_refused_nor_not_sent", {"how": "server_error"}),
    (broken_lines.SwallowsErrors, "a_question_that_goes_wrong_raises", {"what": "positions"}),
    (broken_lines.SwallowsErrors, "the_core_takes_a_silent_broker_for_silent_and_never_for_flat", {}),
    (broken_lines.AsksForItsHealth, "it_tells_of_its_health_without_asking_anybody", {"how": "queries"}),
    (broken_lines.SendsLater, "an_order_beyond_the_limit_is_not_sent_later_by_itself", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    BITES,
    ids=[f"{kind.__name__}-{name}-{'-'.join(more.values())}" for kind, name, more in BITES],
)
def test_a_broken_broker_turns_its_case_red_and_a_whole_one_does_not(
    kind: type, name: str, more: dict[str, Any], tmp_path: Path
) -> None:
    run = getattr(BrokerContract(), f"test_{name}")
    run(Desk(whole(kind, tmp_path / "whole")), **more)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(Desk(broken_lines.BrokenRig(kind, tmp_path / "broken")), **more)


def whole(kind: type, folder: Path) -> BarRig:
    """The same world with nothing broken in it, that claims as much."""
    same = type("Whole", (broken.Broken,), {"can": getattr(kind, "can", {})})
    return broken_lines.BrokenRig(same, folder)


class Small:
    """A contract of three cases, one of each outcome."""

    record = Record()

    @case
    def test_one_that_proves(self, desk: Desk) -> None:
        desk.proves("shorts")

    @case
    def test_one_that_proves_and_fails(self, desk: Desk) -> None:
        desk.proves("exact_cash")
        raise AssertionError("red")

    @case
    def test_one_that_is_skipped(self, desk: Desk) -> None:
        desk.proves("iceberg")


def test_a_claim_is_proven_by_a_case_that_passed_alone_and_the_count_names_what_is_missing(tmp_path: Path) -> None:
    small, record = Small(), Small.record
    rig = lambda name: broken_lines.BrokenRig(broken.Broken, tmp_path / name)  # noqa: E731
    small.test_one_that_proves(Desk(rig("a"), "first"))
    with pytest.raises(AssertionError, match="red"):
        small.test_one_that_proves_and_fails(Desk(rig("b"), "second"))
    with pytest.raises(pytest.skip.Exception, match="not claimed: iceberg"):
        small.test_one_that_is_skipped(Desk(rig("c"), "third"))
    assert (record.ran, record.failed, list(record.skipped)) == (["first"], ["second"], ["third"])
    assert record.proven == {"shorts": "first"}
    can = BrokerCapabilities(shorts=True, exact_cash=True)
    lacks = record.lacks(can, floor=2)
    assert "1 cases ran, and 2 are the floor" in lacks
    unproven = "exact_cash, listed_within, resend:blind, type:market, validity:day, validity:gtc"
    assert f"proven by no case that ran: {unproven}" in lacks
    assert "third: not claimed: iceberg" in lacks
    for claim in claims_of(can):
        record.proven[claim] = "somewhere"
    assert record.lacks(can, floor=1) == ""


def test_a_world_that_cannot_skips_the_case_and_a_broker_that_cannot_does_not(tmp_path: Path) -> None:
    desk = Desk(BarRig(PaperBroker))
    with pytest.raises(pytest.skip.Exception, match="this world cannot: this broker keeps nothing beyond the process"):
        BrokerContract().test_positions_are_the_same(desk)

    class CannotList(broken.Broken):
        def orders(self) -> Any:
            raise NotImplementedError

    with pytest.raises(NotImplementedError):
        BrokerContract().test_positions_are_the_same(Desk(broken_lines.BrokenRig(CannotList, tmp_path)))


def test_every_case_has_a_name_of_its_own_and_a_situation() -> None:
    cases = [name for group in BrokerContract.__mro__ for name in vars(group) if name.startswith("test_")]
    assert len(cases) == len(set(cases)) > 128
