"""The contract of hooks, groups, algos and signals in the shell: keys, names, and what bad input gets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Done
from tests.support import receipt_of, stand
from workbench import open_workbench
from workbench.errors import BadInput
from workbench.model import Stage
from workbench.store import TradingDatabase

Shell = Callable[..., Done]
FILLED = {"ticker": "AAPL", "action": "buy", "quantity": "2", "alert_id": "one"}


def told(shell: Shell, *arguments: object) -> Any:
    done = shell(*arguments, "--json")
    assert done.code == 0, done.err
    return done.json


@pytest.fixture(scope="module")
def on_paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trading database of a home where ema_cross stands on paper; no engine runs."""
    folder = tmp_path_factory.mktemp("home")
    database = TradingDatabase(folder / "trading.db")
    stand(database, "ema_cross", "paper:ema_cross", Stage.PAPER)
    database.close()
    return folder / "trading.db"


@pytest.fixture
def home(shell: Shell, tmp_path: Path, on_paper: Path) -> Path:
    """A home of the test's own, with that database."""
    (tmp_path / "home").mkdir()
    shutil.copy(on_paper, tmp_path / "home")
    return tmp_path / "home"


def test_a_hook_is_made_shown_rotated_tested_and_revoked(shell: Shell, home: Path) -> None:
    made = told(shell, "hooks", "create", "--name", "tv", "--strategy", "ema_cross", "--secret", "--signed", "--sealed",
                "--allow", "tradingview", "--most-size", "5", "--a-day", "20", "--price-within", "2.5",
                "--server", "https://desk.example.com/")  # fmt: skip
    assert made["url"] == f"https://desk.example.com/hooks/{made['token']}"
    assert len(made["token"]) == 43
    assert made["template"]["secret"] == made["secret"]
    assert len(bytes.fromhex(made["signed_key"])) == len(bytes.fromhex(made["sealed_key"])) == 32
    shown = told(shell, "hooks", "show", "tv")
    assert {"accepted", "refused", "repeats", "last_alert_at", "rules", "template", "alerts", "notes"} <= shown.keys()
    assert shown["rules"] | {"addresses": []} == {
        "secret": True, "signed": True, "sealed": True, "addresses": [], "symbols": [], "most_size": "5",
        "most_value": None, "a_day": 20, "a_minute": 3000, "age": 60.0, "window": 60.0, "price_within": "2.5",
    }  # fmt: skip
    assert len(shown["rules"]["addresses"]) == 4
    again = told(shell, "hooks", "rotate", "--name", "tv", "--overlap", "60")
    assert again["token"] != made["token"]
    assert again["old_until"].endswith("Z")
    changed = told(shell, "hooks", "change", "tv", "--most-size", "7", "--about", "breakouts")
    assert (changed["rules"]["most_size"], changed["rules"]["a_day"], changed["about"]) == ("7", 20, "breakouts")
    assert changed["rules"]["secret"] is True
    assert not {"secret", "signed_key", "sealed_key"} & changed.keys()
    renewed = told(shell, "hooks", "change", "tv", "--secret", "--new-keys")
    assert all(renewed[key] != made[key] for key in ("secret", "signed_key", "sealed_key"))
    everything = "".join(
        shell(*what, "--json").out for what in (("hooks",), ("hooks", "list"), ("hooks", "show", "tv"))
    )
    for key in ("token", "secret", "signed_key", "sealed_key"):
        assert made[key] not in everything
    assert told(shell, "hooks", "revoke", "--name", "tv") == {"name": "tv", "revoked": True}
    assert told(shell, "hooks", "list") == []
    assert shell("hooks", "show", "tv").code == 2


def test_groups_and_algos_are_made_changed_listed_and_removed(shell: Shell, home: Path) -> None:
    made = told(shell, "algos", "create", "swing", "--strategy", "ema_cross", "--sides", "long", "--quantity", "risk:1",
                "--entries-a-day", "3", "--hours", "mon-fri 09:15-15:15 Asia/Kolkata", "--when", "price >= 5",
                "--map", "sell=exit", "--alias", "NSE:INFY=INFY", "--priority", "2")  # fmt: skip
    assert made["active"] is False
    assert (made["stage"], made["account"], made["groups"]) == ("paper", "paper:ema_cross", [])
    assert made["windows"] == ["mon-fri 09:15-15:15 Asia/Kolkata"]
    assert told(shell, "algos", "change", "--name", "swing", "--active", "yes")["active"] is True
    group = told(shell, "groups", "create", "--name", "g", "--algo", "swing", "--route", "first", "--recognise", "yes")
    assert (group["algos"], group["route"], group["recognise"], group["hooks"]) == (["swing"], "first", True, [])
    hook = told(shell, "hooks", "create", "scan", "--group", "g", "--format", "chartink", "--set", "action=buy")
    assert hook["template"] == ""
    assert told(shell, "groups", "show", "g")["hooks"] == ["scan"]
    assert told(shell, "algos", "list")[0]["groups"] == ["g"]
    for command in (("groups", "remove", "g"), ("algos", "remove", "swing")):
        assert shell(*command).code == 2
    told(shell, "hooks", "revoke", "scan")
    assert told(shell, "groups", "remove", "g")["removed"]
    assert told(shell, "algos", "remove", "swing")["removed"]
    assert told(shell, "groups") == told(shell, "algos") == []


def test_a_scheduled_algo_is_made_tested_and_turned_into_one_that_waits_for_a_person(shell: Shell, home: Path) -> None:
    made = told(shell, "algos", "create", "close", "--strategy", "ema_cross", "--at", "9:30 buy AAPL",
                "--at", "mon-fri 15:55 America/New_York exit AAPL", "--active", "yes")  # fmt: skip
    assert (made["trigger"], made["times"]) == (
        "scheduled", ["mon-sun 09:30 UTC buy AAPL", "mon-fri 15:55 America/New_York exit AAPL"]
    )  # fmt: skip
    assert datetime.now(UTC) < datetime.fromisoformat(made["next_at"]) < datetime.now(UTC) + timedelta(days=1)
    first, second = told(shell, "algos", "test", "close")["outcomes"]
    assert (first["time"], first["would"], second["would"]) == (made["times"][0], "entry long", "ignored")
    assert (
        "mon-sun 09:30 UTC buy AAPL: AAPL for ema_cross by close would be entry long"
        in shell("algos", "test", "close").out
    )
    assert "scheduled" in shell("algos").out
    assert told(shell, "signals", "alerts") == []
    by_hand = told(
        shell, "algos", "change", "close", "--trigger", "manual", "--quantity", "shares:3", "--map", "sell=ignore"
    )
    assert (by_hand["trigger"], by_hand["times"], by_hand["next_at"]) == ("manual", [], None)
    assert "has no times" in shell("algos", "test", "close").err
    create = ("signals", "create", "--ticker", "AAPL", "--action")
    signal = told(shell, *create, "buy", "--algo", "close")["signal_id"]
    shown = told(shell, "signals", "show", signal)
    assert (shown["strategy"], shown["algo"], shown["source"]) == ("ema_cross", "close", "by hand")
    for arguments, words in (
        (("sell", "--algo", "close"), "algo close: it ignores this action"),
        (("buy", "--algo", "none"), "algo none: unknown"),
        (("buy", "--algo", "close", "--strategy", "rsi_reversion"), "is not what algo close drives"),
        (("buy",), "--strategy '': is missing"),
    ):
        done = shell(*create, *arguments)
        assert (done.code, words in done.err) == (2, True), done.err
    told(shell, "algos", "change", "close", "--active", "no")
    assert "algo close: is inactive" in shell(*create, "buy", "--algo", "close").err
    assert len(told(shell, "signals")) == 1


def test_an_algo_that_would_refuse_its_own_times_can_be_switched_off_and_not_on(shell: Shell, home: Path) -> None:
    told(shell, "algos", "create", "a", "--strategy", "ema_cross", "--at", "15:15 exit APPL", "--active", "yes")
    desk = open_workbench(home).trading
    desk.session_book.begin("ema_cross", "paper:ema_cross", {"kind": "loop"})
    desk.session_book.set_symbols("paper:ema_cross", ["AAPL"])
    with pytest.raises(BadInput, match=r"times \[5\]: must be a list of texts"):
        desk.webhooks.change_algo("a", times=[5])
    desk.database.close()
    assert told(shell, "algos", "change", "a", "--expires", "2090-01-01")["active"] is True
    assert told(shell, "algos", "change", "a", "--active", "no")["next_at"] is None
    assert "alert ticker APPL: unknown" in shell("algos", "change", "a", "--active", "yes").err
    changed = told(shell, "algos", "change", "a", "--active", "yes", "--at", "15:15 exit AAPL")
    assert datetime.now(UTC) - datetime.fromisoformat(changed["armed_at"]) < timedelta(minutes=1)


def test_a_test_says_what_an_alert_would_do_and_keeps_nothing(shell: Shell, home: Path, tmp_path: Path) -> None:
    told(shell, "hooks", "create", "tv", "--strategy", "ema_cross", "--secret", "a-long-secret")
    found = told(shell, "hooks", "test", "tv")
    assert (found["accepted"], found["dry_run"]) == (True, True)
    [outcome] = found["outcomes"]
    assert outcome["would"] in ("entry long", "refused")
    (tmp_path / "body").write_text('{"ticker": "AAPL", "action": "hold"}')
    refused = told(shell, "signals", "test", "tv", "--body", tmp_path / "body")
    assert (refused["accepted"], refused["outcomes"]) == (False, [])
    assert "alert action hold" in refused["reason"]
    assert told(shell, "signals") == told(shell, "signals", "alerts") == []


def test_signals_are_made_shown_taken_back_and_sent_once_more(shell: Shell, home: Path) -> None:
    made = told(shell, "signals", "create", "--strategy", "ema_cross", "--ticker", "AAPL", "--action", "buy",
                "--quantity", "3", "--reason", "a try")  # fmt: skip
    assert made["status"] == "received"
    shown = told(shell, "signals", "show", made["signal_id"])
    assert {"signal_id", "alert_key", "status", "source", "strategy", "algo", "alert", "order_ids", "came_as",
            "latency_ms", "risk", "attempts", "replay_of"} <= shown.keys()  # fmt: skip
    assert shown["alert"]["quantity"] == "3"
    assert shown["risk"]["warning"]
    assert shell("signals", "replay", made["signal_id"], "--for-real", "--reason", "r").code == 2  # not settled yet
    assert told(shell, "signals", "cancel", made["signal_id"])["status"] == "cancelled"
    assert shell("signals", "cancel", made["signal_id"]).code == 1
    dry = told(shell, "signals", "replay", made["signal_id"])
    assert (dry["dry_run"], dry["outcomes"][0]["would"]) == (True, "entry long")
    assert told(shell, "signals", "replay", made["signal_id"], "--dry-run") == dry
    assert shell("signals", "replay", made["signal_id"], "--for-real").code == 2
    real = told(shell, "signals", "replay", made["signal_id"], "--for-real", "--reason", "it was missed")
    assert (real["replay_of"], real["status"]) == (made["signal_id"], "received")
    rows = told(shell, "signals", "list")
    assert [row["status"] for row in rows] == ["cancelled", "received"]
    assert {row["risk"]["level"] for row in rows} == {"unknown"}
    stats = told(shell, "signals", "stats", "--days", "1")
    assert stats["all"]["accepted"] == 1
    assert {"received", "refused", "repeats", "reasons", "latency_ms", "accuracy", "odd", "signals"} <= stats[
        "all"
    ].keys()


def test_what_is_listed_of_alerts_tells_repeats_and_refusals(shell: Shell, home: Path) -> None:
    told(shell, "hooks", "create", "tv", "--strategy", "ema_cross")
    desk = open_workbench(home).trading
    hook = desk.webhooks.book.hook("tv")
    desk.inbox.keep([receipt_of(hook, key="k")] * 3)
    desk.database.close()
    [alert] = told(shell, "signals", "alerts", "--hook", "tv")
    assert (alert["status"], alert["repeats"], alert["tickers"]) == ("accepted", 2, "X")
    [row] = told(shell, "hooks")
    assert (row["accepted"], row["repeats"], row["refused"]) == (1, 2, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hooks", "create", "x"), "needs --strategy or --group"),
        (("hooks", "create", "--strategy", "ema_cross"), "name"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--group", "g"), "name one of the two"),
        (("hooks", "create", "x", "--group", "none"), "group none: unknown"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--format", "telex"), "telex"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--format", "chartink"), "set action=buy"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--set", "lots=1"), "lots"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--allow", "home"), "address home"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--most-size", "-1"), "most size"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--a-day", "many"), "a day many"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--age", "nan"), "age"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--secret", "short"), "8 to 200 characters"),
        (("hooks", "create", "x", "--strategy", "ema_cross", "--server", "desk"), "--server desk"),
        (("hooks", "rotate", "none"), "hook none: unknown"),
        (("hooks", "test", "none"), "hook none: unknown"),
        (("algos", "create", "a", "--strategy", "none"), "strategy none"),
        (("algos", "create", "a", "--strategy", "ema_cross", "--map", "buy"), "--map"),
        (("algos", "create", "a", "--strategy", "ema_cross", "--quantity", "lots:3"), "quantity lots:3"),
        (("algos", "create", "a", "--strategy", "ema_cross", "--expires", "soon"), "expires at soon"),
        (("algos", "create", "a", "--strategy", "ema_cross", "--at", "noon buy X"), "time noon buy X: cannot be read"),
        (("algos", "create", "a", "--strategy", "ema_cross", "--trigger", "scheduled"), "times '': are missing"),
        (("algos", "create", "a", "--strategy", "ema_cross", "--sides", "long", "--at", "9:30 short X"), "no short"),
        (("algos", "change", "none", "--active", "yes"), "algo none"),
        (("groups", "create", "g", "--algo", "none"), "algo none: unknown"),
        (("signals", "show", "none"), "signal none: unknown"),
        (("signals", "replay", "none"), "signal none: unknown"),
        (("signals", "create", "--strategy", "ema_cross", "--ticker", "AAPL", "--action", "hold"), "alert action hold"),
        (("signals", "stats", "--days", "x"), "--days x"),
        (("signals", "stats", "--days", "0"), "days 0.0: must be above 0"),
        (("signals", "stats", "--days", "1e9"), "at most 36,500"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_nothing_is_kept(
    shell: Shell, home: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = shell(*arguments)
    assert done.code == 2
    assert words in done.err
    desk = open_workbench(home).trading
    kept = [desk.webhooks.book.hooks(), desk.webhooks.book.groups(), desk.webhooks.book.algos(), desk.inbox.rows()]
    desk.database.close()
    assert kept == [[], [], [], []]


def test_what_people_read_holds_no_python(shell: Shell, home: Path) -> None:
    shell("algos", "create", "a", "--strategy", "ema_cross", "--active", "yes")
    shell("groups", "create", "g", "--algo", "a")
    created = shell("hooks", "create", "tv", "--group", "g").out
    assert "/hooks/" in created
    assert json.loads(created[created.index("{") : created.rindex("}") + 1])["ticker"] == "{{ticker}}"
    for what in (("hooks",), ("groups",), ("algos",), ("hooks", "show", "tv"), ("hooks", "formats"),
                 ("signals", "stats"), ("hooks", "test", "tv"), ("signals",), ("signals", "alerts")):  # fmt: skip
        done = shell(*what)
        assert done.code == 0, done.err
        assert done.out.strip()
        assert "None" not in done.out
