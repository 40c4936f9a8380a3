"""The app in a real browser: every page, promotion by clicks, panic and resume."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from workbench_apps.__main__ import main

from tests.browser.conftest import answers, bench_of, click_until, wait_until, webhook_server

TABLES = "[...Bokeh.index.query(view => view.model.type == 'panel.models.tabulator.DataTabulator')]"
"""The views of a page's tables."""


def send_alert(home: Path, action: str, quantity: str) -> None:
    """Post an alert for ema_cross to the webhook server over HTTP, through a hook of its own."""
    name = f"{action} {quantity}"
    with webhook_server(home) as address:
        with bench_of(home) as bench:
            url = bench.trading.webhooks.create_hook(name, "ema_cross", server=address)["url"]
        body = json.dumps({"ticker": "AAPL", "action": action, "quantity": quantity, "alert_id": name})
        with urllib.request.urlopen(urllib.request.Request(url, body.encode())) as answer:
            assert answer.status == 202


def no_sideways_scroll(page: Any) -> bool:
    widest = "Math.max(document.body.scrollWidth, document.documentElement.scrollWidth, main.scrollWidth)"
    return bool(page.evaluate(f"(main => {widest} <= window.innerWidth)(document.querySelector('main'))"))


def test_research_lists_runs_and_draws_the_one_that_is_clicked(page: Any, served: str) -> None:
    page.goto(served)
    assert page.url == f"{served}/research"
    rows = page.locator(".tabulator-row")
    rows.nth(3).wait_for()
    assert rows.count() == 4
    walk = rows.filter(has_text="walkforward").locator("[tabulator-field=strategy]")
    click_until(walk, page.get_by_text("Maximum drawdown", exact=True))
    page.locator(".bk-Figure canvas").first.wait_for()
    page.get_by_text("Prices and trades").click()
    page.get_by_text(re.compile(r"[\d,]+\.\d\d USD")).first.wait_for()
    page.locator(".bk-tab", has_text="Proofs").click()
    page.get_by_text("no look-ahead").or_(page.get_by_text("No proof of this code")).first.wait_for()


def test_a_click_between_two_cells_is_a_click_on_the_row_and_headers_are_dragged_wider(page: Any, served: str) -> None:
    page.goto(f"{served}/research")
    page.wait_for_function(
        f"""() => {{
          const [table] = {TABLES}
          if (!table?.tabulator?.initialized || table.is_drawing) return false
          const row = table.tabulator.getRows().find(row => row.getData().kind == "walkforward")
          row.normalizeHeight()  // as it does by itself now and then
          const cell = row.getCell("strategy").getElement()
          const {{right, top, height}} = cell.getBoundingClientRect()
          cell.getRootNode().elementFromPoint(right - 1, top + height / 2).click()
          return true
        }}"""
    )
    page.get_by_text("Maximum drawdown", exact=True).wait_for()
    cell = page.locator(".tabulator-row", has_text="walkforward").first.locator("[tabulator-field=strategy]")
    before = cell.bounding_box()
    page.locator(".tabulator-header [tabulator-field=strategy] + .tabulator-col-resize-handle").hover()
    page.mouse.down()
    page.mouse.move(before["x"] + before["width"] + 60, before["y"])
    page.mouse.up()
    assert cell.bounding_box()["width"] > before["width"] + 40


def test_several_ticked_runs_are_compared(page: Any, served: str) -> None:
    page.goto(f"{served}/research")
    boxes = page.locator(".tabulator-row", has_text="backtest").locator("input[type=checkbox]")
    boxes.nth(1).wait_for()
    boxes.nth(0).click()
    boxes.nth(1).click()
    page.get_by_text("2 runs compared").wait_for()
    page.locator(".bk-Figure canvas").first.wait_for()


def test_runs_are_filtered_by_free_text(page: Any, served: str) -> None:
    page.goto(f"{served}/research")
    page.locator(".tabulator-row").nth(3).wait_for()
    page.get_by_label("Search").fill("rsi aapl")
    page.get_by_text("1 of 4 runs").wait_for()
    page.set_viewport_size({"width": 480, "height": 900})
    assert no_sideways_scroll(page)
    page.get_by_label("Search").fill("")
    page.get_by_text("4 of 4 runs").wait_for()


def test_a_refused_promotion_says_which_gate_and_why(page: Any, served: str, in_research: Path) -> None:
    page.goto(f"{served}/promotion")
    page.get_by_role("button", name="Open rsi_reversion").click()
    page.get_by_text("Missing for backtested").wait_for()
    page.get_by_role("button", name="Promote", exact=True).click()
    refusal = page.locator(".alert.bad", has_text="Refused:")
    refusal.get_by_text(re.compile(r"backtest: trades \d, must be at least 10")).wait_for()
    with bench_of(in_research) as bench:
        (event,) = bench.trading.history("rsi_reversion")
        assert (event["accepted"], event["by"]) == (False, "app")


def test_a_promotion_by_clicks_stands_on_the_board_and_on_file(page: Any, served: str, in_research: Path) -> None:
    page.goto(f"{served}/promotion")
    click_until(
        page.get_by_role("button", name="Open ema_cross"), page.get_by_text("Nothing is missing for backtested")
    )
    page.locator(".promote").get_by_label("Reason").fill("evidence is there")
    page.get_by_role("button", name="Promote", exact=True).click()
    page.locator(".alert.good", has_text="Accepted:").wait_for()
    page.locator(".stage.backtested .strategy-card", has_text="ema_cross").wait_for()
    page.locator("table", has_text="Why refused").get_by_text("evidence is there").wait_for()
    with bench_of(in_research) as bench:
        (stage,) = bench.trading.stages()
    assert (stage["strategy"], stage["stage"]) == ("ema_cross", "backtested")


def test_an_order_appears_while_the_monitor_is_open_and_panic_closes_it(
    page: Any, served_on_paper: str, on_paper: Path, engine: None
) -> None:
    page.goto(f"{served_on_paper}/monitor")
    page.get_by_text("engine running").wait_for()
    page.locator(".account", has_text="paper:ema_cross").wait_for()
    page.get_by_text("No orders yet.").wait_for()
    send_alert(on_paper, "buy", "7")
    row = page.locator(".tabulator-row", has_text="market").first
    click_until(row, page.locator(".card.order", has_text="acknowledge"))
    page.locator(".tabulator-row", has_text="webhook:buy 7").wait_for()

    page.get_by_role("button", name="PANIC …").click()
    confirm = page.get_by_role("button", name="Confirm panic")
    assert confirm.is_disabled()
    page.get_by_label("Type PANIC to confirm").fill("panic")
    page.get_by_label("Reason").fill("the test says so")
    assert confirm.is_disabled()
    page.get_by_label("Type PANIC to confirm").fill("PANIC")
    page.wait_for_function("b => !b.disabled", arg=confirm.element_handle())
    confirm.click()
    banner = page.locator(".halt", has_text="the test says so")
    banner.wait_for()
    with bench_of(on_paper) as bench:
        assert bench.trading.status()["halted"]
        wait_until(bench.trading.fence.is_flat, "flat")
    page.locator(".card.order", has_text="acknowledge").wait_for()  # still selected, though rows came above it

    page.get_by_text("Everything is flat").wait_for()
    page.get_by_role("button", name="Resume …").click()
    page.get_by_label("Type RESUME to confirm").fill("RESUME")
    resume = page.get_by_role("button", name="Confirm resume")
    page.wait_for_function("b => !b.disabled", arg=resume.element_handle())
    resume.click()
    banner.wait_for(state="hidden")
    with bench_of(on_paper) as bench:
        assert not bench.trading.status()["halted"]


def test_resume_is_refused_in_words_while_not_everything_is_flat(page: Any, served_on_paper: str) -> None:
    page.goto(f"{served_on_paper}/monitor")
    page.get_by_text("engine not running").wait_for()
    page.get_by_role("button", name="PANIC …").click()
    page.get_by_label("Type PANIC to confirm").fill("PANIC")
    confirm = page.get_by_role("button", name="Confirm panic")
    page.wait_for_function("b => !b.disabled", arg=confirm.element_handle())
    confirm.click()
    page.get_by_role("button", name="Resume …").click()
    page.get_by_label("Type RESUME to confirm").fill("RESUME")
    resume = page.get_by_role("button", name="Confirm resume")
    page.wait_for_function("b => !b.disabled", arg=resume.element_handle())
    resume.click()
    page.get_by_text("cannot resume: the panic has not flattened everything yet").wait_for()


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ("research", ["No runs yet.", "workbench backtest ema_cross --data sample:AAPL"]),
        ("promotion", ["No strategy has a recorded run yet."]),
        ("monitor", ["No account yet.", "No open positions.", "No orders yet.", "No fills yet.", "No signals yet."]),
    ],
)
def test_an_empty_home_says_what_to_do_and_fits_a_telephone(
    page: Any, served_empty: str, route: str, told: list[str]
) -> None:
    page.set_viewport_size({"width": 480, "height": 900})
    page.goto(f"{served_empty}/{route}")
    for text in told:
        page.get_by_text(text).first.wait_for()
    assert no_sideways_scroll(page)


def test_a_page_nobody_made_is_not_found(served_empty: str) -> None:
    assert answers(f"{served_empty}/nothing") == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "example.com"])
def test_a_host_that_is_not_loopback_is_refused_in_one_line(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", host]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "refused until users exist" in line


def test_a_taken_port_is_named_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["--home", str(tmp_path), "--port", port]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {port}: is taken" in line


@pytest.mark.parametrize(
    "change",
    ["const data = {...source.data}; data.strategy = data.strategy.map(() => 'late'); source.data = data",
     "source.patch(new Map([['strategy', [[0, 'late']]]]))"],
    ids=["all rows", "one cell"],
)  # fmt: skip
def test_rows_that_come_while_the_browser_builds_a_table_are_shown(page: Any, served: str, change: str) -> None:
    page.goto(f"{served}/research")
    first = page.locator(".tabulator-row").first.locator("[tabulator-field=strategy]")
    first.wait_for()
    page.evaluate(
        f"""change => {{
          const [table] = {TABLES}
          table.render()
          new Function("source", change)(table.model.source)
        }}""",
        change,
    )
    first.get_by_text("late").wait_for()
