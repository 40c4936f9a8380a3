"""Orders in a real browser: placed by hand, cancelled, closed; what needs a person; the books and the brokers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import app, bench_of, engine_of, wait_until
from tests.browser.test_app import no_sideways_scroll
from workbench.bootstrap import Workbench
from workbench.bootstrap.engine_room import EngineRoom
from workbench.model import Order, OrderState, Side

pytestmark = pytest.mark.xdist_group("browser")

ACCOUNT = "paper:ema_cross"
HEALTH = {
    "mode": "sandbox",
    "is_connected": True,
    "trouble": "",
    "budget": 0.5,
    "latency_ms": {"orders total": {"p50": 12.0, "p95": 30.0, "p99": 44.0}},
}


@pytest.fixture(scope="module")
def trading(on_paper: Path) -> Iterator[tuple[str, Workbench]]:
    """The app over a home whose engine runs, and the home's desk."""
    with engine_of(on_paper), app(on_paper) as url, bench_of(on_paper) as bench:
        wait_until(bench.trading.accounts, "an account")
        yield url, bench


@pytest.fixture
def monitor(page: Any, trading: tuple[str, Workbench]) -> Any:
    """The monitor page, ready."""
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(f"{trading[0]}/monitor")
    page.locator(".account", has_text=ACCOUNT).wait_for()
    return page


def new_order(page: Any, size: str, **fields: str) -> Any:
    """Fill the form in: the button that places it."""
    page.get_by_role("button", name="New order …").click()
    if "Type" in fields:
        page.get_by_label("Type", exact=True).select_option(fields.pop("Type"))
    page.get_by_label("Size (as traded)").fill(size)
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
    return page.get_by_role("button", name="Place", exact=True)


def confirm(page: Any, word: str, where: Any = None) -> None:
    """Type the word and press the button that it frees."""
    place = where or page
    place.get_by_label(f"Type {word} to confirm").fill(word)
    button = place.get_by_role("button", name=f"Confirm {word.lower()}")
    page.wait_for_function("b => !b.disabled", arg=button.element_handle())
    button.click()


def test_an_order_placed_by_hand_stands_in_the_table_with_its_whole_history(
    monitor: Any, trading: tuple[str, Workbench]
) -> None:
    new_order(monitor, "3", **{"Stop (%)": "40"}).click()
    done = monitor.locator(".alert.good", has_text="Done: place.")
    done.get_by_text(re.compile(r"buy [\d.]+ AAPL, market: ")).wait_for()
    monitor.locator(".order-form").wait_for(state="hidden")
    _, bench = trading
    order = next(o for o in bench.trading.orders() if o["strategy"] == "manual")
    wait_until(lambda: any(f["order_id"] == order["order_id"] for f in bench.trading.fills()), "the fill")
    monitor.locator(".tabulator-row", has_text="market").last.click()
    card = monitor.locator(".card.order", has_text=order["order_id"])
    for text in ("acknowledge", "then answered", "= 3 as traded", "rules allow", "Children", "held: acked"):
        card.get_by_text(text.removeprefix("held: ")).first.wait_for()
    assert "stop, level" in card.inner_text()


def test_a_form_that_is_placed_by_a_double_click_is_one_order(monitor: Any, trading: tuple[str, Workbench]) -> None:
    _, bench = trading
    before = len(bench.trading.by_hand.requests())
    new_order(monitor, "2", Type="limit", Limit="10").dblclick()
    monitor.locator(".alert.good", has_text="Done: place.").wait_for()
    monitor.locator(".tabulator-row", has_text="limit").first.wait_for()
    assert len(bench.trading.by_hand.requests()) == before + 1
    assert [o["limit"] for o in bench.trading.orders() if o["type"] == "limit"] == ["10"]


def test_a_working_order_is_cancelled_by_its_own_button(monitor: Any, trading: tuple[str, Workbench]) -> None:
    monitor.locator(".tabulator-row", has_text="limit").first.click()
    monitor.get_by_role("button", name="Cancel this order").click()
    monitor.locator(".alert.good", has_text="Done: cancel.").wait_for()
    monitor.locator(".card.order .pill", has_text="cancelled").wait_for()


def test_a_refused_order_says_why_and_the_form_stays_filled_in(monitor: Any) -> None:
    place = new_order(monitor, "2", Type="stop limit", Limit="10")
    place.click()
    monitor.locator(".alert.bad", has_text="Refused: place:").get_by_text("a stop_limit order has a level").wait_for()
    monitor.get_by_label("Level", exact=True).fill("11")
    assert monitor.get_by_label("Size (as traded)").input_value() == "2"
    place.click()
    monitor.locator(".alert.good", has_text="Done: place.").wait_for()


def test_cancel_all_and_close_all_ask_first_and_leave_nothing(monitor: Any, trading: tuple[str, Workbench]) -> None:
    _, bench = trading
    bench.trading.by_hand.place([{"symbol": "AAPL", "side": "buy", "size": "1", "type": "limit", "limit": "9"}])

    def working() -> list[str]:
        ended = ("filled", "cancelled", "rejected", "denied", "expired")
        orders = [o for o in bench.trading.orders() if o["strategy"] == "manual" and not o["reduce_only"]]
        return [o["order_id"] for o in orders if o["state"] not in ended]

    assert len(working()) == 2
    monitor.get_by_role("button", name="Cancel all …").click()
    confirm(monitor, "CANCEL ALL")
    monitor.locator(".alert.good", has_text="Done: cancel all.").wait_for()
    wait_until(lambda: not working(), "cancelled")
    assert [p["strategy"] for p in bench.trading.positions() if p["strategy"] == "manual"] == ["manual"]
    monitor.get_by_role("button", name="Close all …").click()
    confirm(monitor, "CLOSE ALL")
    monitor.locator(".alert.good", has_text="Done: close all.").wait_for()
    wait_until(lambda: not [p for p in bench.trading.positions() if p["strategy"] == "manual"], "closed")


def test_a_drift_in_cash_is_shown_and_accepting_it_takes_it_away(
    monitor: Any, trading: tuple[str, Workbench]
) -> None:
    _, bench = trading
    desk = bench.trading.by_hand
    assert desk.book("deposit", amount="250", reason="for the test")["status"] == "done"  # the broker knows nothing
    for _ in range(2):  # a difference counts once it was seen twice
        desk.look()
    need = monitor.locator(".need.drift", has_text="cash:")
    need.get_by_text("no new risk is taken in the whole account").wait_for()
    monitor.locator(".broker", has_text="not everything is explained").wait_for()
    need.get_by_role("button", name="Accept the broker's …").click()
    need.get_by_label("Type ACCEPT to confirm").fill("ACCEPT")
    assert need.get_by_role("button", name="Confirm accept").is_disabled()  # it needs a reason
    need.get_by_label("Reason").fill("the deposit was never made")
    confirm(monitor, "ACCEPT", need)
    monitor.locator(".alert.good", has_text="Done: accept.").wait_for()
    need.wait_for(state="hidden")
    monitor.locator(".broker", has_text="books and broker agree").wait_for()
    assert bench.trading.drift_book.open() == []


def test_a_drift_that_is_over_is_not_accepted_but_gone_once_the_broker_is_asked(
    monitor: Any, trading: tuple[str, Workbench]
) -> None:
    _, bench = trading
    bench.trading.drift_book.see(ACCOUNT, "position:AAPL", "AAPL", "position in AAPL: 3 on file, 0 at the broker")
    need = monitor.locator(".need.drift", has_text="3 on file, 0 at the broker")
    need.get_by_role("button", name="Accept the broker's …").click()
    need.get_by_label("Reason").fill("let us see")
    need.get_by_label("Price it came about at").fill("60")
    confirm(monitor, "ACCEPT", need)
    refusal = monitor.locator(".alert.bad", has_text="Refused: accept:")
    refusal.get_by_text("position in AAPL: books and broker agree").wait_for()
    need.get_by_role("button", name="Ask the broker again").click()
    need.wait_for(state="hidden")


def test_books_and_brokers_have_tabs_of_their_own(monitor: Any) -> None:
    monitor.locator(".bk-tab", has_text="Books").click()
    books = monitor.locator(".card.books", has_text=ACCOUNT)
    books.get_by_text("✓ balanced").wait_for()
    for text in ("Realised, first in first out", "capital", "the deposit was never made", "manual AAPL"):
        if text != "the deposit was never made":
            books.get_by_text(text).first.wait_for()
    books.get_by_text("correction").first.wait_for()
    monitor.set_viewport_size({"width": 480, "height": 900})
    assert no_sideways_scroll(monitor)
    monitor.locator(".bk-tab", has_text="Brokers").click()
    monitor.locator(".card.brokered", has_text=ACCOUNT).wait_for()
    assert no_sideways_scroll(monitor)
    monitor.locator(".bk-tab", has_text="Trading").click()
    monitor.locator(".tabulator-row").first.wait_for()


def test_a_sandbox_cannot_be_overlooked(monitor: Any, trading: tuple[str, Workbench]) -> None:
    _, bench = trading
    badge = monitor.locator(".broker .mode.sandbox", has_text="SANDBOX")

    def is_shown() -> bool:  # the engine may look in between, and tell of its paper broker
        bench.trading.drift_book.looked(ACCOUNT, "", {"health": HEALTH})
        monitor.wait_for_timeout(1000)
        return bool(badge.is_visible())

    wait_until(is_shown, "the badge")
    assert badge.evaluate("b => getComputedStyle(b).backgroundColor") == "rgb(255, 212, 59)"
    monitor.locator(".broker", has_text="orders total 12 ms, p99 44").wait_for()


@pytest.fixture(scope="module")
def doubtful(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a home without an engine, with an order of which nobody knows what became, and one like it."""
    home = tmp_path_factory.mktemp("doubtful") / "home"
    shutil.copytree(recorded, home)
    now = datetime.now(UTC)
    with bench_of(home) as bench:
        bench.trading.session_book.open_account("live:1", "openalgo", "INR", Decimal(100_000))
        room = EngineRoom(bench)
        room.lease.take()
        for name, state, strategy in (
            ("a", OrderState.UNKNOWN, "ema_cross"),
            ("b", OrderState.EXTERNAL, "external"),
            ("c", OrderState.QUARANTINED, "ema_cross"),
        ):
            order = Order(name, name, strategy, "live:1", "INFY", Side.BUY, Decimal(5), now, state=state, reason="odd")
            room.repository.add_order(order, [], now)
        room.lease.release()
        bench.trading.drift_book.looked("live:1", "the broker does not answer: TimeoutError", {})
    with app(home) as url:
        yield url


def test_orders_in_doubt_say_what_is_done_and_what_a_person_may_do(page: Any, doubtful: str) -> None:
    page.set_viewport_size({"width": 480, "height": 900})
    page.goto(f"{doubtful}/monitor")
    unknown = page.locator(".need.unknown")
    unknown.get_by_text("never sent a second time").wait_for()
    assert no_sideways_scroll(page)
    page.locator(".broker.trouble", has_text="the broker does not answer").wait_for()
    page.locator(".broker .mode.unknown").wait_for()
    page.locator(".need.external").get_by_role("button", name="Cancel it …").wait_for()
    page.locator(".need.quarantined").get_by_text("evidence contradicts itself: odd").wait_for()
    unknown.get_by_role("button", name="It is the one found …").click()
    assert "buy 5 INFY" in unknown.get_by_label("Found at the broker").inner_text()
    unknown.get_by_role("button", name="Rule: nothing more comes of it …").click()
    unknown.get_by_label("Reason").fill("it is not in the broker's list")
    confirm(page, "RULE", unknown)
    page.locator(".alert.bad", has_text="no engine runs for this home").wait_for()
    assert unknown.is_visible()
