"""Orders in a real browser: placed by hand, cancelled, closed; what needs a person; the books and the brokers.

One page serves all tests of this file: loading it takes longer than most of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import app, bench_of, click_until, engine_of, wait_until, watched_page
from tests.browser.test_app import no_sideways_scroll
from workbench.bootstrap.trading_desk import TradingDesk
from workbench.model import Order, OrderState, Side

ACCOUNT, OTHER = "paper:ema_cross", "real:1"
ENDED = ("filled", "cancelled", "rejected", "denied", "expired")
HEALTH = {
    "mode": "sandbox",
    "is_connected": True,
    "trouble": "",
    "budget": 0.5,
    "latency_ms": {"orders total": {"p50": 12.0, "p95": 30.0, "p99": 44.0}},
}


def put_in_doubt(desk: TradingDesk) -> None:
    """Open an account that no session trades, with an order nobody knows the fate of, one like it, one contradicted."""
    now = datetime.now(UTC)
    desk.session_book.open_account(OTHER, "openalgo", "INR", Decimal(100_000))
    for name, state, strategy in (
        ("a", OrderState.UNKNOWN, "ema_cross"),
        ("b", OrderState.EXTERNAL, "external"),
        ("c", OrderState.QUARANTINED, "ema_cross"),
    ):
        order = Order(name, name, strategy, OTHER, "INFY", Side.BUY, Decimal(5), now, state=state, reason="odd")
        desk.orders_on_file.add_order(order, [], now)


@pytest.fixture(scope="module")
def desk(on_paper: Path) -> Iterator[TradingDesk]:
    """The trading desk of a home whose engine runs."""
    with bench_of(on_paper) as bench:
        put_in_doubt(bench.trading)
        with engine_of(on_paper, seconds_per_bar="1"):
            wait_until(lambda: len(bench.trading.accounts()) == 2, "the session's account")
            yield bench.trading


@pytest.fixture(scope="module")
def monitor(browser: Any, desk: TradingDesk, on_paper: Path) -> Iterator[Any]:
    """The monitor page over that home."""
    with app(on_paper) as url, watched_page(browser) as page:
        page.goto(f"{url}/monitor")
        page.locator(".account", has_text=ACCOUNT).wait_for()
        page.locator(".tabulator-row", has_text="INFY").first.wait_for()
        yield page


def fill_in(page: Any, size: str, **fields: str) -> Any:
    """Fill the form of a new order in: the button that places it."""
    page.get_by_role("button", name="New order …").click()
    if "Type" in fields:
        page.get_by_label("Type", exact=True).select_option(fields.pop("Type"))
    page.get_by_label("Account", exact=True).select_option(ACCOUNT)
    page.get_by_label("Size (as traded)").fill(size)
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(value)
    return page.get_by_role("button", name="Place", exact=True)


def confirm(page: Any, word: str, where: Any) -> None:
    """Type the word and press the button that it frees."""
    where.get_by_label(f"Type {word} to confirm").fill(word)
    button = where.get_by_role("button", name=f"Confirm {word.lower()}")
    page.wait_for_function("b => !b.disabled", arg=button.element_handle())
    button.click()


def by_hand(desk: TradingDesk) -> list[dict[str, Any]]:
    """The orders people placed, oldest first, those that protect left out."""
    return [o for o in desk.orders(account=ACCOUNT) if o["strategy"] == "manual" and o["parent_id"] is None]


def rest(desk: TradingDesk, limit: str) -> str:
    """Place an order that will not fill: its id."""
    leg = {"symbol": "AAPL", "side": "buy", "size": "1", "type": "limit", "limit": limit}
    made = desk.by_hand.place([leg], account=ACCOUNT)
    assert made["status"] == "done", made
    return str(made["orders"][0]["order_id"])


def test_an_order_placed_by_hand_stands_in_the_table_with_its_whole_history(monitor: Any, desk: TradingDesk) -> None:
    fill_in(monitor, "3", **{"Stop (%)": "40"}).click()
    done = monitor.locator(".alert.good", has_text="Done: place.")
    done.get_by_text(re.compile(r"buy [\d.]+ AAPL, market: ")).wait_for()
    monitor.locator(".order-form").wait_for(state="hidden")
    (order,) = by_hand(desk)
    wait_until(lambda: by_hand(desk)[0]["state"] == "filled", "filled")
    monitor.locator(".tabulator-row", has_text="manual").filter(has_text="stop").first.wait_for()
    card = monitor.locator(".card.order", has_text=order["order_id"])
    click_until(monitor.locator(".tabulator-row", has_text="manual").filter(has_text="market").first, card)
    for text in ("acknowledge", "fill all", "then answered", "= 3 as traded", "order_rate", "stop, level"):
        card.get_by_text(text).first.wait_for()


def test_a_form_placed_by_a_double_click_is_one_order(monitor: Any, desk: TradingDesk) -> None:
    before = len(desk.by_hand.requests())
    fill_in(monitor, "2", Type="limit", Limit="10").dblclick()
    monitor.locator(".alert.good", has_text="Done: place.").get_by_text("limit").wait_for()
    monitor.locator(".tabulator-row", has_text="manual").filter(has_text="limit").first.wait_for()
    assert len(desk.by_hand.requests()) == before + 1
    assert [o["type"] for o in by_hand(desk)] == ["market", "limit"]


def test_a_working_order_is_cancelled_by_its_own_button(monitor: Any, desk: TradingDesk) -> None:
    name = rest(desk, "11.5")
    click_until(monitor.locator(".tabulator-row", has_text="11.50"), monitor.locator(".card.order", has_text=name))
    monitor.get_by_role("button", name="Cancel this order").click()
    monitor.locator(".alert.good", has_text="Done: cancel.").wait_for()
    monitor.locator(".card.order .pill", has_text="cancelled").wait_for()


def test_a_refused_order_says_why_and_stays_filled_in(monitor: Any, desk: TradingDesk) -> None:
    place = fill_in(monitor, "2", Type="stop limit", Limit="10")
    place.click()
    monitor.locator(".alert.bad", has_text="Refused: place:").get_by_text("a stop_limit order has a level").wait_for()
    assert monitor.get_by_label("Size (as traded)").input_value() == "2"
    monitor.get_by_role("button", name="Close the form").click()
    monitor.locator(".order-form").wait_for(state="hidden")


def test_cancel_all_and_close_all_ask_first_and_leave_nothing(monitor: Any, desk: TradingDesk) -> None:
    rest(desk, "9")
    bar = monitor.locator(".order-bar .confirm")
    monitor.get_by_role("button", name="Cancel all …").click()
    bar.get_by_label("Account", exact=True).select_option(ACCOUNT)
    confirm(monitor, "CANCEL ALL", bar)
    monitor.locator(".alert.good", has_text="Done: cancel all.").wait_for()
    wait_until(lambda: all(o["state"] in ENDED for o in by_hand(desk)), "cancelled")
    assert [p["strategy"] for p in desk.positions(ACCOUNT)].count("manual") == 1
    monitor.get_by_role("button", name="Close all …").click()
    bar.get_by_label("Account", exact=True).select_option(ACCOUNT)
    confirm(monitor, "CLOSE ALL", bar)
    monitor.locator(".alert.good", has_text="Done: close all.").wait_for()
    wait_until(lambda: not any(p["strategy"] == "manual" for p in desk.positions(ACCOUNT)), "closed")


def test_a_drift_in_cash_is_shown_and_accepting_it_takes_it_away(monitor: Any, desk: TradingDesk) -> None:
    mine = monitor.locator(".broker", has_text=ACCOUNT)
    mine.get_by_text("books and broker agree").wait_for()
    booked = desk.by_hand.book("deposit", account=ACCOUNT, amount="250")  # the broker knows nothing of it
    assert booked["status"] == "done", booked
    for _ in range(2):  # a difference counts once it was seen twice
        desk.by_hand.look(ACCOUNT)
    need = monitor.locator(".need.drift", has_text="cash:")
    need.get_by_text("no new risk is taken in the whole account").wait_for()
    mine.get_by_text("not everything is explained").wait_for()
    need.get_by_role("button", name="Accept the broker's …").click()
    need.get_by_label("Type ACCEPT to confirm").fill("ACCEPT")
    assert need.get_by_role("button", name="Confirm accept").is_disabled()  # it needs a reason
    need.get_by_label("Reason").fill("the deposit was never made")
    confirm(monitor, "ACCEPT", need)
    monitor.locator(".alert.good", has_text="Done: accept.").wait_for()
    need.wait_for(state="hidden")
    mine.get_by_text("books and broker agree").wait_for()
    assert desk.drift_book.open(ACCOUNT) == []


def test_a_drift_that_is_over_is_refused_and_gone_once_the_broker_is_asked(monitor: Any, desk: TradingDesk) -> None:
    desk.drift_book.see(ACCOUNT, "position:AAPL", "AAPL", "position in AAPL: 3 on file, 0 at the broker")
    need = monitor.locator(".need.drift", has_text="3 on file, 0 at the broker")
    need.get_by_role("button", name="Accept the broker's …").click()
    need.get_by_label("Reason").fill("let us see")
    need.get_by_label("Price it came about at").fill("60")
    confirm(monitor, "ACCEPT", need)
    refusal = monitor.locator(".alert.bad", has_text="Refused: accept:")
    refusal.get_by_text("position in AAPL: books and broker agree").wait_for()
    need.get_by_role("button", name="Ask the broker again").click()
    need.wait_for(state="hidden")


def test_orders_in_doubt_say_what_is_done_and_what_a_person_may_do(monitor: Any, desk: TradingDesk) -> None:
    unknown = monitor.locator(".need.unknown")
    unknown.get_by_text("never sent a second time").wait_for()
    monitor.locator(".need.external").get_by_role("button", name="Cancel it …").wait_for()
    monitor.locator(".need.quarantined").get_by_text("evidence contradicts itself: odd").wait_for()
    unknown.get_by_role("button", name="It is the one found …").click()
    assert "buy 5 INFY" in unknown.get_by_label("Found at the broker").inner_text()
    unknown.get_by_role("button", name="Rule: nothing more comes of it …").click()
    unknown.get_by_label("Reason").fill("it is not in the broker's list")
    confirm(monitor, "RULE", unknown)
    refusal = monitor.locator(".alert.bad", has_text="Refused: rule:")
    refusal.get_by_text(f"account {OTHER} has no running session").wait_for()
    assert unknown.is_visible()


def test_a_silent_broker_and_a_sandbox_cannot_be_overlooked(monitor: Any, desk: TradingDesk) -> None:
    desk.drift_book.looked(OTHER, "the broker does not answer: TimeoutError", {})
    line = monitor.locator(".broker", has_text=OTHER)
    line.get_by_text("Trouble: the broker does not answer").wait_for()
    line.locator(".mode.unknown").wait_for()
    desk.drift_book.looked(OTHER, "", {"health": HEALTH})
    badge = line.locator(".mode.sandbox", has_text="SANDBOX")
    badge.wait_for()
    assert badge.evaluate("b => getComputedStyle(b).backgroundColor") == "rgb(255, 212, 59)"
    line.get_by_text("orders total 12 ms, p99 44").wait_for()


def test_books_and_brokers_have_tabs_of_their_own_and_fit_a_telephone(monitor: Any) -> None:
    monitor.locator(".bk-tab", has_text="Books").click()
    books = monitor.locator(".card.books", has_text=ACCOUNT)
    for text in ("✓ balanced", "Realised, first in first out", "capital", "manual AAPL", "correction"):
        books.get_by_text(text).first.wait_for()
    monitor.set_viewport_size({"width": 480, "height": 900})
    assert no_sideways_scroll(monitor)
    monitor.locator(".bk-tab", has_text="Brokers").click()
    table = monitor.locator(".card.brokered", has_text=ACCOUNT)
    for kind, way in (("limit", "native"), ("good till triggered", "held here"), ("slices", "held here")):
        table.get_by_role("row", name=f"{kind} {way}", exact=True).wait_for()
    monitor.locator(".card.brokered", has_text=OTHER).get_by_text("orders total").wait_for()
    assert no_sideways_scroll(monitor)
    monitor.locator(".bk-tab", has_text="Trading").click()
    monitor.locator(".tabulator-row").first.wait_for()
    assert no_sideways_scroll(monitor)
