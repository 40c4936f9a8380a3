"""Accounts at configured brokers, end to end: the engine, an OpenAlgo server that speaks its wire, and people."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.openalgo_broker import OpenAlgoBroker

from tests.support import hook_on_file, receipt_of
from workbench import open_workbench
from workbench.bootstrap import Workbench
from workbench.bootstrap.engine_room import open_engine
from workbench.bootstrap.recording import code_of
from workbench.bootstrap.venues import Venues
from workbench.errors import BadInput
from workbench.model import Stage
from workbench.ports import StageEvent, Standing, Version
from workbench.signals import parse_alert
from workbench.testing.openalgo import OpenAlgoServer
from workbench.testing.openalgo.book import Position
from workbench.testing.openalgo.values import MASTER, Listing, Taken, Ticket

BROKER = """
[brokers.mine]
plugin = "openalgo"
url = "{url}"
ws_url = "{ws}"
api_key_env = "ACCOUNTS_KEY"
listed_within = 1.0
[limits.position_size]
max_percent = 50
"""
DESK = '[accounts.desk]\nbroker = "mine"\ncurrency = "INR"\n'
PRACTICE = '[accounts.practice]\nbroker = "paper"\nmode = "paper"\nmarket = "mine"\ncurrency = "INR"\ncash = 500000\n'
FAR = '[brokers.far]\nplugin = "openalgo"\nurl = "{url}"\napi_key_env = "ACCOUNTS_KEY"\n'
PATIENCE = 20.0


def wait_until(true: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {PATIENCE} s"
        time.sleep(0.02)
    return found


class House:
    """A home with accounts at an OpenAlgo server in its sandbox, and the engine of that home."""

    def __init__(self, home: Path, server: OpenAlgoServer, accounts: str) -> None:
        self.home, self.server = home, server
        home.mkdir(exist_ok=True)
        broker = BROKER.format(url=server.url, ws=server.ws_url)
        (home / "workbench.toml").write_text(broker + accounts)
        self.bench: Workbench = open_workbench(home)
        self.desk = self.bench.trading.by_hand
        self._stop: threading.Event | None = None

    def start(self) -> House:
        engine, lease = open_engine(self.bench)
        self._stop = threading.Event()

        def run(stop: threading.Event) -> None:
            engine.run(stop)
            lease.release()

        self._thread = threading.Thread(target=run, args=(self._stop,))
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._stop is not None:
            self._stop.set()
            self._thread.join()
            self._stop = None

    def alert(self, strategy: str, *bodies: str) -> None:
        desk = self.bench.trading
        hook = hook_on_file(desk.database, "door", strategy, "a token")
        parsed = [parse_alert(body.encode()) for body in bodies]
        desk.inbox.keep([receipt_of(hook, p.key, p.meaning, **p.to_dict()) for p in parsed])

    def state(self, account: str) -> tuple[str, str]:
        rows = {row["account"]: row for row in self.bench.trading.status()["sessions"]}
        return (rows[account]["state"], rows[account]["reason"]) if account in rows else ("", "")

    def until(self, account: str, state: str) -> str:
        wait_until(lambda: self.state(account)[0] == state, f"{account} {state}")
        return self.state(account)[1]

    def trader(self, account: str) -> str:
        return next(row["strategy"] for row in self.bench.trading.status()["sessions"] if row["account"] == account)

    def place(self, account: str, **leg: Any) -> dict[str, Any]:
        return self.desk.place([{"symbol": "NSE:SBIN", "side": "buy", "size": 10} | leg], account=account)

    def orders(self, account: str) -> list[tuple[str, str, str]]:
        return [(o["side"], o["type"], o["state"]) for o in self.bench.trading.orders(account=account)]

    def held(self, account: str) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for position in self.bench.trading.positions(account):
            found[position["symbol"]] = found.get(position["symbol"], Decimal(0)) + Decimal(position["size"])
        return found


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAlgoServer]:
    with OpenAlgoServer() as running:
        monkeypatch.setenv("ACCOUNTS_KEY", running.api_key)
        monkeypatch.setenv("OPENALGO_URL", running.url)
        monkeypatch.setenv("OPENALGO_API_KEY", running.api_key)
        running.exchange.analyze = True
        running.exchange.set_quote("SBIN", "NSE", "799.95", "800.05", 800)
        yield running


@pytest.fixture
def house(tmp_path: Path, server: OpenAlgoServer) -> Iterator[Callable[[str], House]]:
    made: list[House] = []

    def make(accounts: str) -> House:
        made.append(House(tmp_path / "home", server, accounts))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        one.bench.trading.database.close()


def test_people_trade_an_account_at_a_broker_with_no_strategy_there(house: Callable[[str], House]) -> None:
    desk = house(DESK).start()
    desk.until("desk", "running")
    assert desk.place("desk", stop=2, target=4)["status"] == "done"
    wait_until(lambda: ("sell", "target", "held") in desk.orders("desk"), "its protection is held")
    assert desk.held("desk") == {"NSE:SBIN": 10}
    assert len(desk.server.taken) == 1
    desk.server.exchange.set_quote("SBIN", "NSE", "840", "840.05")  # the target is reached, and the engine sees it
    wait_until(lambda: not desk.held("desk"), "the target closes it")
    done = [("buy", "market", "filled"), ("sell", "stop", "cancelled"), ("sell", "market", "filled")]
    wait_until(lambda: desk.orders("desk") == done, "its other protection is taken back")
    assert {f["price"] for f in desk.bench.trading.fills(account="desk")} == {"800.05", "840"}
    (account,) = desk.bench.trading.accounts()
    assert (account["broker"], account["strategy"], account["currency"]) == ("mine", "manual", "INR")
    assert Decimal(account["profit"]) == Decimal("399.50")


def test_bad_orders_by_hand_are_refused_by_name_and_nothing_is_sent(house: Callable[[str], House]) -> None:
    desk = house(DESK).start()
    desk.until("desk", "running")
    for leg, words in (
        ({"symbol": "SBIN"}, "does not say its exchange"),
        ({"symbol": "NSE:NOPE"}, "symbol NSE:NOPE: unknown"),
        ({"size": "5.5"}, "no whole lot of NSE:SBIN"),
        ({"size": "nan"}, "nan"),
        ({"type": "limit", "limit": "799.97"}, "off the tick grid of NSE:SBIN"),
        ({"product": "FUN"}, "FUN"),
    ):
        done = desk.place("desk", **leg)
        assert done["status"] == "refused", leg
        assert words.lower() in done["reason"].lower()
    assert desk.server.taken == []


def test_what_was_open_goes_on_after_the_engine_begins_again(house: Callable[[str], House]) -> None:
    desk = house(DESK).start()
    desk.until("desk", "running")
    desk.place("desk", stop=2)
    wait_until(lambda: any(kind == "stop" for _, kind, _ in desk.orders("desk")), "its stop works")
    desk.place("desk", type="limit", limit="790", size=5)
    desk.stop()
    again = House(desk.home, desk.server, DESK).start()
    try:
        desk.server.exchange.set_quote("SBIN", "NSE", "789.95", "790")
        wait_until(lambda: again.held("desk") == {"NSE:SBIN": 15}, "the limit order fills")
        desk.server.exchange.set_quote("SBIN", "NSE", "780", "780.05")
        wait_until(lambda: again.held("desk") == {"NSE:SBIN": 5}, "the stop closes what it protects")
        assert again.desk.reconciliation("desk")[0]["drifts"] == []
        assert again.desk.close_all("desk")["status"] == "done"
        wait_until(lambda: not again.held("desk"), "all is closed")
    finally:
        again.stop()


def test_a_broker_in_another_mode_than_the_account_is_for_takes_no_new_risk(house: Callable[[str], House]) -> None:
    desk = house(DESK)
    desk.server.exchange.analyze = False  # live: real money, and the account is for the sandbox
    desk.start()
    assert desk.until("desk", "blocked") == "the broker is in mode live, and account desk is for sandbox"
    assert desk.bench.trading.accounts() == []  # its books do not begin with the other mode's cash
    assert desk.server.taken == []


def test_while_the_broker_is_in_another_mode_nothing_is_concluded_from_what_it_says(
    house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.trading.reconcile.BOOKS_EVERY", 0.2)
    monkeypatch.setattr("workbench.trading.reconcile.ORDERS_EVERY", 0.2)
    desk = house(DESK).start()
    desk.until("desk", "running")
    desk.place("desk", stop=2, target=4)
    desk.place("desk", type="limit", limit="790", size=5, validity="day")
    wait_until(lambda: ("sell", "target", "held") in desk.orders("desk"), "its protection is held")
    desk.server.exchange.analyze = False  # somebody switches it to live: no orders, no positions there
    assert "mode live" in desk.until("desk", "blocked")
    desk.server.exchange.set_quote("SBIN", "NSE", "840", "840.05")  # the target is touched meanwhile
    assert desk.place("desk")["status"] == "refused"
    time.sleep(1.5)
    assert sorted(state for _, _, state in desk.orders("desk")) == ["acked", "filled", "held", "held"]
    desk.server.exchange.analyze = True
    wait_until(lambda: not desk.held("desk"), "back in its mode the target closes it")
    assert desk.server.exchange.live.orders == {}
    assert desk.desk.reconciliation("desk")[0]["drifts"] == []


def test_books_begun_at_one_place_do_not_go_on_at_another(house: Callable[[str], House]) -> None:
    desk = house(DESK).start()
    desk.until("desk", "running")
    desk.place("desk", target=4)
    wait_until(lambda: desk.held("desk"), "it holds")
    desk.stop()
    desk.server.exchange.analyze = False
    desk.server.exchange.set_quote("SBIN", "NSE", "840", "840.05")
    for changed, words in (
        (DESK + 'mode = "live"\n', "was begun with mode sandbox, and is now set to live"),
        (DESK.replace("INR", "USD"), "was begun with currency INR"),
        (DESK.replace("mine", "far") + FAR.format(url=desk.server.url), "begun with broker mine, and is now"),
    ):  # fmt: skip
        again = House(desk.home, desk.server, changed).start()
        try:
            wait_until(lambda again=again, words=words: words in again.state("desk")[1], words)
        finally:
            again.stop()
    assert desk.server.exchange.live.orders == {}


def test_an_account_taken_out_of_the_settings_is_no_paper_account_and_not_flat(house: Callable[[str], House]) -> None:
    desk = house('[accounts.try]\nbroker = "mine"\nstrategy = "rsi_reversion"\ncurrency = "INR"\n').start()
    desk.until("try", "running")
    stand(desk.bench, Stage.PAPER)
    wait_until(
        lambda: desk.state("try")[0] == "running" and desk.trader("try") == "rsi_reversion", "the strategy has it"
    )
    desk.alert("rsi_reversion", '{"ticker": "NSE:SBIN", "action": "buy", "quantity": 7}')
    wait_until(lambda: desk.held("try"), "it holds")
    desk.stop()
    again = House(desk.home, desk.server, "").start()
    try:
        assert "is not in the settings any more" in again.until("try", "blocked")
        again.bench.trading.panic("test")
        time.sleep(1.5)
        assert again.bench.trading.status()["flat"] is False
        assert len(desk.server.taken) == 1
    finally:
        again.stop()


def test_books_begin_with_what_is_there(house: Callable[[str], House]) -> None:
    desk = house(DESK)
    exchange = desk.server.exchange
    book = exchange.book
    book.positions["INFY", "NSE", "MIS"] = Position("INFY", "NSE", "MIS", Decimal(100), Decimal(750))  # of yesterday
    exchange.place(Ticket("by hand", "SBIN", "NSE", "BUY", Decimal(5)))  # of today
    with closing(OpenAlgoBroker(url=desk.server.url, ws_url="", api_key_env="ACCOUNTS_KEY")) as broker:
        cash = broker.cash("openalgo")
    desk.start()
    desk.until("desk", "blocked")  # an order that is not ours is for a person to look at
    assert desk.held("desk") == {"NSE:INFY": 100, "NSE:SBIN": 5}
    (account,) = desk.bench.trading.accounts()
    assert Decimal(account["cash"]) == cash
    assert Decimal(account["start_cash"]) == cash + 100 * 750 + 5 * Decimal("800.05")
    (about,) = {d["about"].partition(":")[0] for d in desk.desk.reconciliation("desk")[0]["drifts"]}
    assert about == "order"


def test_people_keep_a_session_where_a_strategy_cannot_be_made(
    house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = house('[accounts.try]\nbroker = "mine"\nstrategy = "rsi_reversion"\ncurrency = "INR"\n').start()
    desk.until("try", "running")
    desk.place("try", size=3, target=4)
    wait_until(lambda: ("sell", "target", "held") in desk.orders("try"), "its protection is held")
    desk.server.fail("history", "500_before", 1000)
    stand(desk.bench, Stage.PAPER)
    wait_until(lambda: "rsi_reversion cannot trade here" in desk.state("try")[1], "why is said")
    assert desk.state("try")[0] == "running"
    desk.server.exchange.set_quote("SBIN", "NSE", "840", "840.05")
    wait_until(lambda: not desk.held("try"), "what people hold stays protected")
    assert desk.place("try", size=1)["status"] == "done"


def test_a_broker_that_is_silent_for_a_moment_costs_people_no_order(
    house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.trading.reconcile.BOOKS_EVERY", 0.2)
    desk = house(DESK).start()
    desk.until("desk", "running")
    desk.place("desk", type="limit", limit="790", size=5, validity="day")
    desk.place("desk", gtt=True, level="780", size=5)
    desk.server.fail("positionbook", "500_before", 2)
    desk.until("desk", "blocked")
    desk.until("desk", "running")
    assert sorted(state for _, _, state in desk.orders("desk")) == ["acked", "held"]


def test_a_broker_that_cannot_be_reached_blocks_its_account_until_it_can(
    house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.trading.engine.RETRY_SECONDS", 0.2)
    desk = house(DESK)
    desk.server.stop()
    desk.start()
    assert "OpenAlgo" in desk.until("desk", "blocked")
    assert desk.place("desk")["status"] == "refused" if desk.bench.trading.accounts() else True
    desk.server.start()
    desk.server.exchange.set_quote("SBIN", "NSE", "799.95", "800.05", 800)
    desk.until("desk", "running")
    assert desk.place("desk")["status"] == "done"


def test_paper_trades_on_the_order_books_of_a_market(house: Callable[[str], House]) -> None:
    desk = house(DESK + PRACTICE).start()
    desk.until("practice", "running")
    exchange = desk.server.exchange
    exchange.set_depth("SBIN", "NSE", [("799.95", 40)], [("800.05", 6), ("801", 100)])
    assert desk.place("practice")["status"] == "done"
    wait_until(lambda: desk.held("practice") == {"NSE:SBIN": 10}, "it walks through the book")
    assert sorted((f["size"], f["price"]) for f in desk.bench.trading.fills(account="practice")) == [
        ("4", "801"), ("6", "800.05")]  # fmt: skip
    assert desk.place("practice", side="sell", type="limit", limit="805")["status"] == "done"
    exchange.set_quote("SBIN", "NSE", "805", "805.05")
    wait_until(lambda: not desk.held("practice"), "the limit order fills once bids reach it")
    assert desk.server.taken == []  # nothing of it went to the broker


def test_a_panic_closes_accounts_at_brokers_too(house: Callable[[str], House]) -> None:
    desk = house(DESK + PRACTICE).start()
    for account in ("desk", "practice"):
        desk.until(account, "running")
        desk.place(account)
    wait_until(lambda: desk.held("desk") and desk.held("practice"), "both hold")
    desk.bench.trading.panic("test")
    wait_until(lambda: desk.bench.trading.status()["flat"], "flat")
    assert not desk.held("desk")
    assert not desk.held("practice")
    assert desk.server.exchange.book.position("SBIN", "NSE", "MIS").quantity == 0


def test_a_panic_is_not_over_while_a_configured_broker_cannot_be_asked(house: Callable[[str], House]) -> None:
    desk = house(DESK)
    desk.server.stop()
    desk.start()
    desk.until("desk", "blocked")
    desk.bench.trading.panic("test")
    time.sleep(1.5)
    assert desk.bench.trading.status()["flat"] is False


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ('[accounts.a]\nbroker = "none"\n', "setting accounts.a.broker none"),
        ('[accounts.a]\nbroker = "mine"\nmode = "paper"\n', "is for the paper broker"),
        ('[accounts."a b"]\nbroker = "mine"\n', "may hold letters, digits"),
        ('[accounts.a]\nbroker = "mine"\ncalendar = "NOWHERE"\n', "NOWHERE"),
        ('[accounts.a]\nbroker = "mine"\n[accounts.b]\nbroker = "mine"\n', "is where account a is"),
        ('[accounts.a]\nbroker = "mine"\ncash = 5\n', "is for paper accounts"),
        ('[accounts.a]\nbroker = "paper"\nmode = "paper"\ncash = 5\n', "setting accounts.a.market"),
        (
            '[accounts.a]\nbroker = "paper"\nmode = "paper"\nmarket = "mine"\n',
            "setting accounts.a.cash None: is missing",
        ),
        ('[accounts.a]\nbroker = "paper"\nmode = "live"\nmarket = "mine"\ncash = 5\n', "is not what paper is"),
        (
            '[accounts.a]\nbroker = "mine"\nstrategy = "s"\n[accounts.b]\nbroker = "far"\nstrategy = "s"\n' + FAR,
            "trades in a already",
        ),
    ],
)
def test_an_account_that_cannot_be_meant_so_is_refused_by_name(
    house: Callable[[str], House], accounts: str, words: str
) -> None:
    with pytest.raises(BadInput, match=words.replace(".", r"\.")):
        open_engine(house(accounts).bench)


def test_a_strategy_trades_in_a_sandbox_in_stage_paper_and_live_where_live(house: Callable[[str], House]) -> None:
    both = '[accounts.try]\nbroker = "mine"\nstrategy = "s"\n'
    both += '[accounts.real]\nbroker = "mine"\nmode = "live"\nstrategy = "s"\n'
    venues = Venues(house(both).bench)
    assert (venues.account_for("s", Stage.PAPER), venues.account_for("s", Stage.LIVE)) == ("try", "real")
    assert (venues.account_for("other", Stage.PAPER), venues.account_for("other", Stage.LIVE)) == (None, None)


def stand(bench: Workbench, stage: Stage, data: str = "openalgo:NSE:SBIN") -> None:
    """Put rsi_reversion into a stage in account try, behind promotion's back, as only a test may."""
    chosen = bench.strategy("rsi_reversion", {})
    version = Version(
        "rsi_reversion", chosen.reference, "rsi", code_of(chosen), chosen.strategy.params, data, "f",
        {"fees": "0", "slippage": "0"},
    )  # fmt: skip
    now, before = datetime.now(UTC), bench.trading.stage_book.get("rsi_reversion")
    event = StageEvent(
        "rsi_reversion", before.stage if before else Stage.RESEARCH, stage, True, now, "test", "", None, version
    )
    standing = Standing("rsi_reversion", stage, version, "try", now)
    assert bench.trading.stage_book.record(event, standing, before)


def test_a_strategy_in_stage_paper_trades_in_the_brokers_sandbox_and_leaves_what_is_peoples(
    house: Callable[[str], House],
) -> None:
    desk = house('[accounts.try]\nbroker = "mine"\nstrategy = "rsi_reversion"\ncurrency = "INR"\n').start()
    desk.until("try", "running")
    assert desk.bench.trading.accounts()[0]["strategy"] == "manual"  # nobody's but people's so far
    assert desk.place("try", size=3)["status"] == "done"
    stand(desk.bench, Stage.PAPER)
    wait_until(lambda: desk.bench.trading.accounts()[0]["strategy"] == "rsi_reversion", "the strategy has it")
    desk.until("try", "running")
    desk.alert("rsi_reversion", '{"ticker": "NSE:SBIN", "action": "buy", "quantity": 7}')
    wait_until(lambda: desk.held("try") == {"NSE:SBIN": 10}, "the alert is traded beside what people hold")
    by = {p["strategy"]: p["size"] for p in desk.bench.trading.positions("try")}
    assert by == {"manual": "3", "rsi_reversion": "7"}
    assert len(desk.server.taken) == 2
    stand(desk.bench, Stage.RETIRED)
    wait_until(lambda: desk.held("try") == {"NSE:SBIN": 3}, "it closes what is its own")
    wait_until(lambda: desk.bench.trading.accounts()[0]["strategy"] == "manual", "the account is people's again")
    assert desk.place("try", side="sell", size=3)["status"] == "done"
    wait_until(lambda: not desk.held("try"), "people close theirs")
    assert desk.desk.reconciliation("try")[0]["drifts"] == []


def test_signals_that_come_all_at_once_are_sent_no_faster_than_the_broker_allows(
    house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"SHARE{number}" for number in range(12)]
    for number, name in enumerate(names):
        monkeypatch.setitem(MASTER, (name, "NSE"), Listing(name, "NSE", name, "EQ", f"9{number}NSE"))
    many = "[limits.max_trades_a_day]\nmost = 100\n[limits.max_positions]\nmost = 100\n"
    desk = house(many + '[accounts.try]\nbroker = "mine"\nstrategy = "rsi_reversion"\ncurrency = "INR"\n').start()
    desk.until("try", "running")
    for name in names:
        desk.server.exchange.set_quote(name, "NSE", "799.95", "800.05", 800)
    sent: list[float] = []

    class Timed(list[Taken]):
        def append(self, one: Taken) -> None:
            sent.append(time.monotonic())
            super().append(one)

    desk.server.exchange.taken = Timed()
    stand(desk.bench, Stage.PAPER, "openalgo:" + ",".join(f"NSE:{name}" for name in names))
    wait_until(lambda: desk.trader("try") == "rsi_reversion" and desk.state("try")[0] == "running", "it has it")
    wanted = [json.dumps({"ticker": f"NSE:{n}", "action": "buy", "quantity": 1, "alert_id": n}) for n in names]
    desk.alert("rsi_reversion", *wanted)
    inbox = desk.bench.trading.inbox
    wait_until(lambda: all(row.status != "received" for row in inbox.rows()), "each is acted on")
    assert {(row.status, row.reason) for row in inbox.rows()} == {("ordered", "")}
    wait_until(lambda: len(sent) == len(names), "each is sent")
    windows = [sum(start <= at < start + 1.0 for at in sent) for start in sent]
    assert max(windows) <= 10, windows
