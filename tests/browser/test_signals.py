"""Signals in a real browser: a hook from nothing to an alert's order, groups and algos, hostile alerts, a telephone.

One page serves all tests of this file, in their order: loading it takes longer than most of them.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import app, bench_of, click_until, engine_of, wait_until, watched_page, webhook_server
from tests.browser.test_app import no_sideways_scroll
from workbench.bootstrap.trading_desk import TradingDesk
from workbench.model import HookRules

HOSTILE = "<img src=x onerror='window.pwned=1'><script>window.pwned=1</script>"
WHOLE_PAGE = """() => {
  const seen = []
  const walk = node => {
    seen.push(node.textContent || '', node.value || '')
    if (node.shadowRoot) walk(node.shadowRoot)
    for (const child of node.children || []) walk(child)
  }
  walk(document.documentElement)
  const keep = value => {
    if (typeof value === 'string') seen.push(value)
    else if (value instanceof Map) value.forEach(keep)
    else if (value?.constructor === Object) Object.values(value).forEach(keep)
  }
  Bokeh.documents.forEach(d => [...d._all_models.values()].forEach(m => keep(m.attributes)))
  return seen.join(' ')
}"""
"""Everything a page holds: its text, what is typed, and the models behind it."""


@pytest.fixture(scope="module")
def desk(on_paper: Path) -> Iterator[TradingDesk]:
    """The trading desk of a home whose engine runs."""
    with bench_of(on_paper) as bench, engine_of(on_paper, seconds_per_bar="1"):
        wait_until(bench.trading.accounts, "the session's account")
        yield bench.trading


@pytest.fixture(scope="module")
def server(desk: TradingDesk, on_paper: Path) -> Iterator[str]:
    """Where alerts are posted to."""
    with webhook_server(on_paper) as url:
        yield url


@pytest.fixture(scope="module")
def signals(browser: Any, desk: TradingDesk, on_paper: Path) -> Iterator[Any]:
    """The signals page over that home."""
    with app(on_paper) as url, watched_page(browser) as page:
        page.goto(f"{url}/signals")
        page.get_by_label("Strategy", exact=True).get_by_text("ema_cross · paper").wait_for(state="attached")
        yield page


def post(url: str, **fields: str) -> tuple[int, str]:
    """Send an alert as its sender would: the status and the answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(fields).encode())) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def tab(page: Any, title: str) -> None:
    """Open a tab."""
    page.locator(".bk-tab", has_text=re.compile(f"^{title}$")).click()


def row(page: Any, where: str, text: str) -> Any:
    """The first row of a table in which a text stands, once it is there."""
    found = page.locator(f"{where} .tabulator-row", has_text=text).first
    found.wait_for()
    return found


def make_hook(page: Any, server: str, name: str) -> tuple[str, str]:
    """Make a hook by clicks, with a secret, after a bad number: its address and what is to be pasted."""
    tab(page, "New hook")
    page.get_by_label("Name of the hook").fill(name)
    if page.get_by_role("button", name="Options …").is_visible():
        page.get_by_role("button", name="Options …").click()
    page.get_by_label("About").fill(f"{name}, for the test")
    page.get_by_label("a secret in the message").check()
    page.get_by_label("Public address of the server").fill(server)
    page.get_by_label("Alerts a minute").fill("many")
    page.get_by_role("button", name="Make the hook").click()
    page.locator(".hook-wizard .alert.bad", has_text="Alerts a minute many: is no number").wait_for()
    for label in ("Alerts a minute", "Oldest (s)", "A repeat within (s)"):
        page.get_by_label(label).fill("")
    page.get_by_role("button", name="Make the hook").click()
    once = page.locator(".hook-once", has_text=f"hook {name} for ema_cross")
    once.get_by_role("heading", name="Message to paste").wait_for()
    return shown(once.locator("pre.once").first), shown(once.locator("pre.once").last)


def shown(block: Any) -> str:
    """The text of a block, whether or not its page is laid out already: until then it has no inner text."""
    return str(block.text_content()).strip()


def confirm(page: Any, word: str, where: Any) -> None:
    """Type the word and press the button that it frees."""
    where.get_by_label(f"Type {word} to confirm").fill(word)
    button = where.get_by_role("button", name=f"Confirm {word.lower()}")
    page.wait_for_function("b => !b.disabled", arg=button.element_handle())
    button.click()


def test_a_hook_is_made_from_nothing_and_an_alert_through_it_is_in_the_log_with_its_order_and_risk(
    signals: Any, server: str, desk: TradingDesk, on_paper: Path
) -> None:
    url, message = make_hook(signals, server, "mine")
    assert url.startswith(f"{server}/hooks/")
    hook, usual = desk.webhooks.hook("mine"), HookRules()
    rules = [hook["rules"][name] for name in ("a_minute", "age", "window")]
    assert (hook["about"], rules) == ("mine, for the test", [usual.a_minute, None, usual.window])
    secret = json.loads(message)["secret"]
    signals.get_by_role("button", name="Send a test").click()
    outcome = signals.locator(".hook-once .outcomes")
    outcome.get_by_text("It would be taken.").wait_for()
    assert desk.by_signal.alerts() == []
    token = url.rpartition("/")[2]
    assert signals.evaluate(WHOLE_PAGE).count(token) > 1  # as text, and in the model behind it
    signals.context.grant_permissions(["clipboard-read", "clipboard-write"])
    signals.get_by_role("button", name="Copy the message").click()
    signals.get_by_role("button", name="Copied").wait_for()
    assert signals.evaluate("navigator.clipboard.readText()") == message
    signals.get_by_role("button", name="I have pasted it").click()
    signals.get_by_role("button", name="Make the hook").wait_for()
    held = signals.evaluate(WHOLE_PAGE)
    assert "Who sends" in held
    assert token not in held
    assert secret not in held
    for file in filter(Path.is_file, on_paper.rglob("*")):
        assert token.encode() not in file.read_bytes(), file
        assert secret.encode() not in file.read_bytes(), file

    status, said = post(url, ticker="AAPL", action="buy", quantity="7", alert_id="one", secret=secret)
    assert status == 202, said
    tab(signals, "Log")
    card = signals.locator(".card.signal", has_text="Signal buy 7 AAPL")
    ordered = row(signals, ".signal-log", "ordered")
    listed = next(s["risk"] for s in desk.signals() if s["source"] == "webhook:mine")
    assert float(listed["largest_loss"]) > 0
    ordered.get_by_text(f"{listed['level']} · {float(listed['largest_loss']):,.2f}").wait_for()
    click_until(ordered, card)
    for text in (re.compile("buy .* AAPL, market"), "decided after", "Largest loss", "it has no stop"):
        card.get_by_text(text).first.wait_for()
    wait_until(desk.positions, "the fill at the next bar")
    signals.get_by_role("button", name="Replay (dry run)").click()
    said = signals.locator(".signal-view .outcomes", has_text="It would be kept, and nothing done.")
    said.get_by_text("already long").wait_for()
    assert [s["status"] for s in desk.signals() if s["source"] == "webhook:mine"] == ["ordered"]


def test_sending_once_more_needs_a_reason_and_the_typed_word(signals: Any, desk: TradingDesk) -> None:
    signals.get_by_role("button", name="Send once more …").click()
    question = signals.locator(".signal-view .confirm")
    question.get_by_label("Type SEND to confirm").fill("SEND")
    assert question.get_by_role("button", name="Confirm send").is_disabled()
    question.get_by_label("Reason").fill("the test says so")
    confirm(signals, "SEND", question)
    signals.locator(".signal-view .alert.good", has_text="Sent once more.").wait_for()
    assert [s["source"] for s in desk.signals() if "replay" in s["alert_key"]] == ["webhook:mine"]


def test_a_signal_that_waits_is_taken_back_by_a_click(signals: Any, desk: TradingDesk) -> None:
    with desk.database.transaction():  # at once: the engine never sees it due
        made = desk.by_signal.create_signal("ema_cross", "AAPL", "exit")["signal_id"]
        desk.inbox.put_off(made, datetime.now(UTC) + timedelta(minutes=5), "held back by the test")
    button = signals.get_by_role("button", name="Take back")
    click_until(row(signals, ".signal-log", "held back by the test"), button)
    button.click()
    signals.locator(".signal-view .alert.good", has_text="Taken back.").wait_for()
    signals.locator(".card.signal", has_text="taken back in the app").wait_for()
    button.wait_for(state="hidden")
    assert desk.by_signal.signal(made)["status"] == "cancelled"


def test_a_hostile_alert_is_shown_as_text(signals: Any, server: str, desk: TradingDesk) -> None:
    url = desk.webhooks.create_hook("open", "ema_cross", server=server)["url"]
    status, said = post(url, ticker=HOSTILE, action="buy", comment=HOSTILE)
    assert status == 422, said
    hostile = row(signals, ".signal-log", "window.pwned")
    hostile.locator("[tabulator-field=reason]").hover()
    signals.locator(".tabulator-tooltip", has_text="<img src=x").wait_for()
    card = signals.locator(".alert-card")
    click_until(hostile.locator("[tabulator-field=short]"), card.locator("pre.body", has_text=HOSTILE))
    assert card.locator("img, script").count() == 0
    tab(signals, "Analytics")
    signals.locator(".signal-stats .bk-Figure canvas").nth(1).wait_for()
    signals.locator(".signal-stats table", has_text="Top reasons").get_by_text("<img src=x").first.wait_for()
    signals.locator(".signal-stats table", has_text="First fill").wait_for()
    tab(signals, "Hooks")
    click_until(row(signals, ".hooks", "open"), signals.locator(".card.hook", has_text="<img src=x"))
    assert signals.evaluate("window.pwned") is None


def test_a_hooks_rules_are_changed_by_clicks_and_a_bad_number_is_told_beside_the_form(
    signals: Any, desk: TradingDesk
) -> None:
    signals.get_by_role("button", name="Change rules …").click()
    form = signals.locator(".hook-form")
    form.get_by_label("About").fill("breakouts")
    for label, usual, typed in (
        ("Alerts a minute", "3000", "1,200"), ("Oldest (s)", "60", "soon"), ("A repeat within (s)", "60", "2.5"),
        ("Alerts a day", "", "40"), ("Most size", "", "12"),
    ):  # fmt: skip
        assert form.get_by_label(label).input_value() == usual
        form.get_by_label(label).fill(typed)
    form.get_by_role("button", name="Keep these rules").click()
    signals.locator(".hooks .said", has_text="Oldest (s) soon: is no number").wait_for()
    assert [form.get_by_label(label).input_value() for label in ("About", "Oldest (s)")] == ["breakouts", "soon"]
    assert desk.webhooks.hook("open")["about"] == ""
    form.get_by_label("Oldest (s)").fill("")
    form.get_by_role("button", name="Keep these rules").click()
    signals.locator(".hooks .alert.good", has_text="Changed.").wait_for()
    card = signals.locator(".card.hook")
    for text in ("breakouts", "40 a day, 1,200 a minute", "the same within 2.5 s", "12 units"):
        card.get_by_text(text).wait_for()
    hook = desk.webhooks.hook("open")
    rules = [hook["rules"][name] for name in ("a_minute", "age", "window", "a_day", "most_size", "most_value")]
    assert (hook["about"], rules) == ("breakouts", [1_200, None, 2.5, 40, "12", None])


def test_a_hook_is_rotated_and_revoked_by_clicks(signals: Any, server: str, desk: TradingDesk) -> None:
    signals.get_by_role("button", name="Rotate …").click()
    form = signals.locator(".hook-form")
    form.get_by_label("Old address works for").fill("soon")
    form.get_by_role("button", name="Make a new address").click()
    signals.locator(".hooks .said", has_text="minutes soon: is no number").wait_for()
    form.get_by_label("Old address works for").fill("0")
    form.get_by_label("Public address of the server").fill(server)
    form.get_by_role("button", name="Make a new address").click()
    url = shown(signals.locator(".hooks .hook-once pre.once").first)
    signals.get_by_role("button", name="I have pasted it").click()
    signals.locator(".hook-once").wait_for(state="hidden")
    assert post(url, ticker="AAPL", action="exit")[0] == 202
    signals.get_by_role("button", name="Revoke …").click()
    confirm(signals, "REVOKE", signals.locator(".hooks .confirm"))
    signals.locator(".hooks .alert.good", has_text="Revoked: open.").wait_for()
    assert [hook["name"] for hook in desk.webhooks.hooks()] == ["mine"]


def test_an_algo_and_a_group_by_clicks_and_a_bad_value_is_told_beside_the_form(signals: Any, desk: TradingDesk) -> None:
    tab(signals, "Groups and algos")
    signals.get_by_role("button", name="New algo …").click()
    form = signals.locator(".algo-form")
    form.get_by_label("Name of the algo").fill("apple")
    form.get_by_label("Quantity").fill("percent:5")
    form.get_by_label("Windows of entries").fill("mon-fri nine to five")
    form.get_by_label("Aliases").fill("APPLE=AAPL")
    form.get_by_role("button", name="Make the algo").click()
    form.locator(".alert.bad", has_text="window mon-fri nine to five: cannot be read").wait_for()
    assert form.get_by_label("Name of the algo").input_value() == "apple"
    assert form.get_by_label("Windows of entries").input_value() == "mon-fri nine to five"
    form.get_by_label("Windows of entries").fill("mon-fri 09:15-15:15 Asia/Kolkata")
    form.get_by_role("button", name="Make the algo").click()
    activate = signals.get_by_role("button", name="Activate algo")
    click_until(row(signals, ".algos", "apple"), activate)
    activate.click()
    signals.get_by_role("button", name="Deactivate algo").wait_for()
    algo = desk.webhooks.algo("apple")
    assert (algo["quantity"], algo["aliases"], algo["active"]) == ("percent:5", {"APPLE": "AAPL"}, True)
    assert algo["windows"] == ["mon-fri 09:15-15:15 Asia/Kolkata"]

    signals.get_by_role("button", name="New algo …").click()
    form = signals.locator(".algo-form")
    form.get_by_label("Name of the algo").fill("close")
    form.get_by_label("Acts on").select_option("its own times")
    form.get_by_label("Its times").fill("mon-fri 15:55 America/New_York exit AAPL")
    form.get_by_label("active: it may trade").check()
    form.get_by_role("button", name="Make the algo").click()
    coming = desk.webhooks.algo("close")["next_at"] if row(signals, ".algos", "close").is_visible() else ""
    click_until(
        row(signals, ".algos", f"scheduled{coming[:10]} {coming[11:19]}"),
        signals.get_by_role("button", name="Try its times"),
    )
    signals.get_by_role("button", name="Try its times").click()
    tried = signals.locator(".algos .outcomes", has_text="mon-fri 15:55 America/New_York exit AAPL")
    tried.get_by_text("exit long").or_(tried.get_by_text("flat already")).wait_for()
    assert "algo:close" not in {s["source"] for s in desk.signals()}

    signals.get_by_role("button", name="New group …").click()
    form = signals.locator(".group-form")
    form.get_by_label("Name of the group").fill("screens")
    form.get_by_label("apple").check()
    form.get_by_label("Goes to").select_option("the first by priority")
    form.get_by_role("button", name="Make the group").click()
    row(signals, ".groups", "screens").wait_for()
    assert (desk.webhooks.group("screens")["algos"], desk.webhooks.group("screens")["route"]) == (["apple"], "first")


def test_a_signal_by_hand_through_an_algo_that_is_gone_is_refused_and_not_made_without_it(
    signals: Any, desk: TradingDesk
) -> None:
    before = len(desk.signals())
    tab(signals, "Log")
    signals.get_by_role("button", name="Make a signal by hand …").click()
    signals.get_by_label("Rules of").select_option("algo close")
    desk.webhooks.remove_algo("close")
    signals.locator("select", has=signals.locator("option:text-is('algo apple')")).wait_for()
    signals.get_by_label("Ticker", exact=True).fill("AAPL")
    signals.get_by_role("button", name="Make the signal").click()
    signals.locator(".signal-log .alert.bad", has_text="algo close: unknown").wait_for()
    assert len(desk.signals()) == before
    signals.get_by_label("Rules of").select_option("algo apple")
    signals.get_by_role("button", name="Make the signal").click()
    wait_until(lambda: desk.signals()[-1]["algo"] == "apple", "the signal through the algo")
    tab(signals, "Groups and algos")


def test_a_group_and_its_algo_are_removed_by_clicks_the_group_first(signals: Any, desk: TradingDesk) -> None:
    def remove(what: str, name: str) -> Any:
        signals.get_by_role("button", name=f"Remove {what} …").click()
        half = signals.locator(f".{what}s")
        half.get_by_role("heading", name=f"Remove {what} {name}?").wait_for()
        confirm(signals, "REMOVE", half.locator(".confirm"))
        return half

    click_until(row(signals, ".algos", "apple"), signals.get_by_role("button", name="Remove algo …"))
    algos = remove("algo", "apple")
    algos.locator(".alert.bad", has_text="is in group screens").wait_for()
    algos.locator(".confirm").get_by_role("button", name="Cancel").click()
    algos.locator(".confirm").wait_for(state="detached")
    click_until(row(signals, ".groups", "screens"), signals.get_by_role("button", name="Remove group …"))
    remove("group", "screens").locator(".alert.good", has_text="Removed: screens.").wait_for()
    remove("algo", "apple").locator(".alert.good", has_text="Removed: apple.").wait_for()
    assert (desk.webhooks.groups(), desk.webhooks.algos()) == ([], [])


def test_every_tab_fits_a_telephone(signals: Any) -> None:
    signals.set_viewport_size({"width": 390, "height": 844})
    for title in ("New hook", "Hooks", "Groups and algos", "Log", "Analytics"):
        tab(signals, title)
        signals.wait_for_timeout(300)
        assert no_sideways_scroll(signals), title


def test_an_empty_home_says_what_to_do(page: Any, served_empty: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served_empty}/signals")
    page.get_by_text("No strategy is promoted to paper.").wait_for()
    page.get_by_text("The engine is not running:").wait_for()
    told = {
        "Hooks": "No hooks yet.", "Groups and algos": "No algos yet.", "Log": "No signals yet.",
        "Analytics": "Nothing came in this time.",
    }  # fmt: skip
    for title, text in told.items():
        tab(page, title)
        page.get_by_text(text).first.wait_for()
        assert no_sideways_scroll(page), title
