"""Limits and caps: what a flood may do, and how much a leaked address can cost."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.risk_rules import Balance, Sizing, WholeLots
from workbench_server.alerts import AlertDoor
from workbench_server.guard import REFUSED_A_MINUTE, Limit, Proxies

from tests.security.fort import Fort
from tests.security.inside import served_inside
from tests.security.test_crash import bodies, pour
from tests.security.wire import alert, request, said
from tests.support import hook_on_file, receipt_of
from tests.unit.trading.test_live_session import Room, begun
from workbench.model import Caps, HookRules
from workbench.risk import RiskChain
from workbench.store import HookBook

# ---- limits ----------------------------------------------------------------------------------------------------------


def test_a_hook_takes_so_many_a_minute_and_another_hook_is_not_held_up(fort: Fort) -> None:
    found = [fort.send("limited", alert(f"l{i}"), source="127.0.8.1") for i in range(8)]
    assert [answer.status for answer in found] == [202] * 3 + [429] * 5
    assert all(int(answer.header("retry-after")) >= 1 for answer in found[3:])
    assert fort.send("wide", alert("another hook"), source="127.0.8.1").status == 202
    assert len(fort.accepted("limited")) == 3


def test_who_has_the_address_and_not_the_secret_cannot_use_up_the_hooks_limit(build: Callable[..., Fort]) -> None:
    with served_inside(build({"asked": {"secret": True, "rules": {"a_minute": 3}}})) as inside:
        secret = inside.hooks["asked"]["secret"]
        wrong = [inside.send("asked", alert(f"w{i}", secret=f"wrong {i}"), source="127.0.8.9") for i in range(10)]
        assert [answer.status for answer in wrong] == [404] * 10
        good = [inside.send("asked", alert(f"g{i}", secret=secret), source="127.0.8.10") for i in range(5)]
        assert [answer.status for answer in good] == [202] * 3 + [429] * 2


def test_five_hundred_alerts_at_once_are_all_taken(fort: Fort) -> None:
    """As many as a second may bring, with the limits a hook has by itself."""
    path = f"/hooks/{fort.hooks['open']['token']}"
    found = pour(fort.port, path, bodies("burst", 500), 32)
    assert Counter(status for _, status, _ in found) == {202: 500}
    assert len({signal_id for *_, signal_id in found}) == 500


def test_a_hook_takes_so_many_in_a_day_and_repeats_do_not_count(fort: Fort) -> None:
    keys = ["d0", "d0", "d1", "d1", "d2", "d3", "d4", "d2"]
    found = [fort.send("daily", alert(key), source="127.0.8.2").status for key in keys]
    assert found[:7] == [202, 200, 202, 200, 202, 429, 429]
    assert found[7] in (200, 429)
    assert len(fort.accepted("daily")) == 3


@pytest.fixture
def strict(build: Callable[..., Fort]) -> Iterator[Fort]:
    """A server inside that takes five alerts a minute from one address and for one strategy."""
    with served_inside(build({"one": {}, "two": {}}, settings="alerts_a_minute = 5\n")) as inside:
        other = inside.desk.webhooks.create_hook("other", "ema_cross")
        inside.hooks["other"] = other
        yield inside


def test_an_address_sends_so_many_a_minute_through_whichever_hooks(strict: Fort) -> None:
    found = [strict.send(("one", "other")[i % 2], alert(f"a{i}"), source="127.0.8.3").status for i in range(9)]
    assert found == [202] * 5 + [429] * 4
    assert strict.send("other", alert("else"), source="127.0.8.4").status == 202


def test_a_strategy_gets_so_many_a_minute_from_whichever_addresses_and_hooks(strict: Fort) -> None:
    found = [strict.send(("one", "two")[i % 2], alert(f"s{i}"), source=f"127.0.9.{i + 1}") for i in range(9)]
    assert [answer.status for answer in found] == [202] * 5 + [429] * 4
    assert "account" in found[-1].json()["detail"]
    assert found[-1].header("retry-after")
    assert strict.send("other", alert("other strategy"), source="127.0.9.1").status == 202


def test_forged_addresses_do_not_raise_the_limit_of_one(strict: Fort) -> None:
    found = [
        strict.send("one", alert(f"f{i}"), {"X-Forwarded-For": f"10.0.0.{i}"}, "127.0.8.5").status for i in range(8)
    ]
    assert found.count(202) == 5


def test_a_limit_that_counts_nothing_is_found_out(strict: Fort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limit, "wait", lambda self, name, a_minute: 0.0)
    found = [strict.send("one", alert(f"n{i}"), source="127.0.8.6").status for i in range(8)]
    assert found.count(202) > 5


def flood(fort: Fort, name: str, times: int) -> list[int]:
    """So many different messages with a wrong secret, over a few connections: the statuses."""
    found = []
    for start in range(0, times, 100):
        bodies = [json.dumps(alert(f"flood {start + i}", secret=f"wrong {start + i}")).encode() for i in range(100)]
        raw = b"".join(request(fort.door(name), body, close=i == 99) for i, body in enumerate(bodies))
        found += [answer.status for answer in said(fort.port, raw, "127.0.8.7")]
    return found


def test_a_flood_of_refused_alerts_leaves_some_rows_in_the_log_and_the_rest_is_counted(fort: Fort) -> None:
    times = 600
    assert flood(fort, "flooded", times) == [404] * times
    rows = fort.rows("flooded")
    # a burst of a minute's, those of the seconds it took, and one that counts the rest, for each minute it touched
    assert 2 <= len(rows) <= REFUSED_A_MINUTE + 15
    assert sum(1 + repeats for *_, repeats in rows) == times, "each is counted"
    assert all(status == "refused" and not body for _, status, _, body, _ in rows)


def test_what_a_flood_leaves_of_long_messages_is_short(fort: Fort) -> None:
    made = fort.make("long ones")
    for i in range(5):
        body = json.dumps(alert(f"long {i}", quantity="none", x="y" * 60_000))
        assert fort.ask(f"/hooks/{made['token']}", body.encode(), source="127.0.8.8").status == 422
    assert all(len(body) < 2_100 and len(reason) < 2_100 for _, _, reason, body, _ in fort.rows("long ones"))


def test_addresses_without_end_do_not_fill_the_memory_of_a_limit() -> None:
    now = [0.0]
    limit = Limit(lambda: now[0])
    for i in range(25_000):
        now[0] += 0.1
        limit.wait(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", 30)
    assert len(limit._buckets) <= 10_000


def test_a_limit_forgets_nothing_that_is_still_counted_while_it_has_room() -> None:
    limit = Limit(lambda: 0.0)
    assert [limit.wait("a", 3) > 0 for _ in range(5)] == [False] * 3 + [True] * 2


def test_a_sender_that_goes_away_in_the_middle_is_not_an_error_inside(fort: Fort) -> None:
    """Asked of the door itself, as a server would: what the sender no longer reads."""
    sent: list[Any] = []

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    desk = fort.desk
    door = AlertDoor(desk.webhooks.doors, desk.inbox, None, Proxies(()), 1_000)  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "headers": [], "client": ("127.0.8.9", 1), "path": fort.door("open"),
             "path_params": {"token": fort.hooks["open"]["token"]}}  # fmt: skip
    asyncio.run(door(scope, gone, send))
    assert all(message.get("status", 400) == 400 for message in sent)


# ---- caps ------------------------------------------------------------------------------------------------------------


def test_an_entry_above_the_hooks_cap_or_of_another_symbol_is_refused_at_the_door(fort: Fort) -> None:
    assert fort.send("capped", alert("c1", quantity="5")).status == 202
    for more in ({"quantity": "5.0000001"}, {"quantity": "1e14"}, {"contracts": "6"}, {"qty": 6}):
        found = fort.send("capped", alert(f"c {more}", **more))
        assert (found.status, "cap" in found.json()["detail"]) == (422, True)
    for ticker in ("TSLA", "AAPLX", "AAPL2", "NASDAQ:TSLA", "AAPL,TSLA", "BRK.AAPL"):
        assert fort.send("capped", alert(f"c {ticker}", ticker=ticker)).status == 422
    assert fort.send("capped", {"ticker": "TSLA", "action": "exit", "alert_id": "out"}).status == 202, "exits pass"


class Bounded(Room):
    """A session whose risk chain has the research profile's rules, one by one."""

    def bound(self, **rules: Any) -> None:
        """Give the session's hook rules."""
        hook = hook_on_file(self.database, f"hook of {self.name}", self.name, f"token of {self.name}")
        HookBook(self.database).change(replace(hook, rules=HookRules(**rules)))

    def enter(self, key: str, **said: str) -> tuple[str, str]:
        """Keep an entry as an alert would ask for it, and let the session act on it."""
        hook = hook_on_file(self.database, f"hook of {self.name}", self.name, f"token of {self.name}")
        kept = self.inbox.keep([receipt_of(hook, key, key, "{}", ticker="X", action="buy", **said)])[0]
        signal_id = kept.signal_ids[0]
        waiting = next(w for w in self.inbox.waiting(1000) if w.signal_id == signal_id)
        self.wall = datetime.now(UTC)
        outcome = self.session.handle_alert(waiting, self.inbox.plan(waiting, self.wall))
        if outcome is not None:
            self.inbox.settle(signal_id, *outcome)
        row = next(row for row in self.inbox.rows() if row.signal_id == signal_id)
        return row.status, row.reason


@pytest.fixture
def bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bounded]:
    """A session with 10,000 in cash on X at 100, its strategy's own size 50 units."""
    import tests.unit.trading.test_live_session as rooms

    monkeypatch.setattr(rooms, "Room", Bounded)
    made = begun(tmp_path, size="shares:50")
    assert isinstance(made, Bounded)
    made.to(21)
    yield made
    made.close()


SIZES: list[dict[str, str]] = [
    {"size": "all"},
    {"size": "percent:100"},
    {"size": "value:9000"},
    {"size": "shares:90"},
    {"quantity": "90"},
    {},
    {"size": "risk:100", "stop": "0.5"},
]


@pytest.mark.parametrize("said", SIZES, ids=str)
def test_an_entry_of_whatever_size_is_cut_to_the_hooks_cap(bounded: Bounded, said: dict[str, str]) -> None:
    bounded.bound(most_size=Decimal(5))
    assert bounded.enter("k", **said) == ("ordered", "")
    bounded.step(2)
    assert bounded.held() == 5


@pytest.mark.parametrize("said", SIZES, ids=str)
def test_an_entry_of_whatever_size_is_cut_to_what_the_hook_lets_it_be_worth(
    bounded: Bounded, said: dict[str, str]
) -> None:
    bounded.bound(most_value=Decimal(730))
    assert bounded.enter("k", **said)[0] == "ordered"
    bounded.step(2)
    assert bounded.held() == 7


def test_a_chain_without_the_caps_is_found_out(bounded: Bounded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Caps, "largest", lambda self, raw_price: None)
    bounded.bound(most_size=Decimal(5))
    assert bounded.enter("k", size="all")[0] == "ordered"
    bounded.step(2)
    assert bounded.held() > 5


def test_many_alerts_through_a_leaked_address_hold_no_more_than_one_cap(bounded: Bounded) -> None:
    """A strategy holds one position: a second entry is nothing more to do, and not one more cap."""
    bounded.bound(most_size=Decimal(5))
    for i in range(6):
        bounded.enter(f"k{i}", size="all")
        bounded.step()
    assert bounded.held() == 5


def test_the_caps_hold_in_a_profile_whose_rules_come_in_another_order(bounded: Bounded) -> None:
    chain = RiskChain([("balance", Balance()), ("whole_lots", WholeLots()), ("sizing", Sizing())])
    bounded.manager._intents._risk = chain
    bounded.bound(most_size=Decimal(5))
    bounded.enter("k", size="all")
    bounded.step(2)
    assert bounded.held() <= 5
