"""Signals of hooks and algos on their way to orders: caps, prices, windows, limits, retries, the order they keep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import receipt_of
from tests.unit.trading.test_engine import House
from tests.unit.trading.test_live_session import Room, begun
from workbench.model import Algo, Group, Hook, HookRules, Stage
from workbench.ports import Plan, Receipt, Waiting, Wanted
from workbench.signals import Timetable, parse_alert
from workbench.store import HookBook, new_hook
from workbench.trading import LiveSession
from workbench.trading.reconcile import Reconciler

D = Decimal


def send(room: Room, hook: Hook, algo: str = "", *, override: bool = False, **said: str) -> tuple[str, str]:
    """Keep an alert that came through a hook, and let the session act on it: its status and reason."""
    alert = parse_alert(str({"ticker": "X"} | said).replace("'", '"').encode())
    number = len(room.inbox.rows())
    receipt = Receipt(
        hook.source, f"k{number}", alert.meaning, "", (Wanted(hook.strategy or "s", alert.to_dict(), algo),),
        datetime.now(UTC),
    )  # fmt: skip
    [kept] = room.inbox.keep([receipt])
    waiting = next(w for w in room.inbox.waiting(1000) if w.signal_id == kept.signal_id)
    if override:
        waiting = Waiting(**{n: getattr(waiting, n) for n in Waiting.__dataclass_fields__} | {"override": True})
    room.wall = waiting.received_at + timedelta(seconds=1)
    outcome = room.session.handle_alert(waiting, room.inbox.plan(waiting, room.wall))
    if outcome is not None:
        room.inbox.settle(waiting.signal_id, *outcome)
    row = room.inbox.row(kept.signal_id)
    return row.status, row.reason


def door(room: Room, **rules: Any) -> Hook:
    made = new_hook("h", "s", rules=HookRules(**rules))
    HookBook(room.database).create(made, "hash")
    return made


def grouped(room: Room, algo: Algo, **group: Any) -> Hook:
    book = HookBook(room.database)
    book.keep_algo(algo, new=True)
    book.keep_group(Group("g", (algo.name,), **group), new=True)
    made = new_hook("h", group="g")
    book.create(made, "hash")
    return made


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = begun(tmp_path, size="all")
    made.to(22)  # the close is 101 or so
    yield made
    made.close()


@pytest.mark.parametrize(("rules", "size"), [({"most_size": D(3)}, 3), ({"most_value": D(250)}, 2)])
def test_a_leaked_address_buys_no_more_than_the_hooks_cap_whatever_it_asks_for(
    room: Room, rules: dict[str, Decimal], size: int
) -> None:
    assert send(room, door(room, **rules), action="buy") == ("ordered", "")
    [order] = room.orders()
    assert order.size == size
    assert "hook_cap cut" in str([line.get("verdicts", "") for line in room.repository.journal()])
    room.step()
    assert room.held() == size


def test_what_the_cap_cuts_to_nothing_is_denied(room: Room) -> None:
    status, _ = send(room, door(room, most_value=D(50)), action="buy")
    assert status == "denied"


def test_an_entry_far_from_the_market_is_refused_and_an_exit_is_not(room: Room) -> None:
    hook = door(room, price_within=D(5))
    status, reason = send(room, hook, action="buy", price="150")
    assert (status, "percent off the market's" in reason) == ("refused", True)
    assert send(room, hook, action="buy", price="150", override=True)[0] == "ordered"
    room.step()
    assert send(room, hook, action="sell", price="5")[0] == "ordered"


def test_symbols_of_the_hook_bound_entries_alone(room: Room) -> None:
    hook = door(room, symbols=("Y",))
    assert send(room, hook, action="buy")[0] == "refused"
    assert send(room, hook, action="exit") == ("ignored", "flat already")


def test_an_algo_gives_the_size_and_the_alert_the_levels(room: Room) -> None:
    hook = grouped(room, Algo("a", "s", True, quantity="shares:4"))
    assert send(room, hook, "a", action="buy", quantity="9")[0] == "ordered"
    assert room.orders()[0].size == 4


CLOSED = "sat 00:00-00:01 UTC"


@pytest.mark.parametrize(
    ("fields", "group", "words"),
    [
        ({"active": False}, {}, "algo a is inactive"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, {}, "algo a expired at 2020-01-01 00:00 UTC"),
        ({}, {"active": False}, "its group is inactive or has expired"),
        ({}, {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "its group is inactive or has expired"),
        ({"conditions": ("price > 500",)}, {}, "condition: not price > 500"),
        ({"trigger": "manual"}, {}, "algo a is manual now: alerts do not reach it"),
    ],
)
def test_what_holds_of_the_algo_now_decides_whatever_held_when_the_alert_came(
    room: Room, fields: dict[str, Any], group: dict[str, Any], words: str
) -> None:
    hook = grouped(room, Algo("a", "s", **({"active": True} | fields)), **group)
    for action in ("buy", "exit"):
        assert send(room, hook, "a", action=action, price="100") == ("refused", words)


def test_an_algo_that_was_removed_or_drives_another_strategy_acts_no_more(room: Room) -> None:
    hook = grouped(room, Algo("a", "s", True))
    assert send(room, hook, "gone", action="buy") == ("refused", "algo gone was removed")
    HookBook(room.database).keep_algo(Algo("a", "other", True))
    assert send(room, hook, "a", action="buy") == ("refused", "algo a drives other now")


def test_a_time_of_an_algo_that_has_none_any_more_is_not_acted_on(room: Room) -> None:
    HookBook(room.database).keep_algo(Algo("a", "s", True, trigger="manual"), new=True)
    alert = parse_alert(b'{"ticker": "X", "action": "buy"}')
    room.inbox.keep(
        [Receipt("algo:a", "k", alert.meaning, "", (Wanted("s", alert.to_dict(), "a"),), datetime.now(UTC))]
    )
    [waiting] = room.inbox.waiting()
    words = ("refused", "algo a is manual now: it has no times")
    assert room.session.handle_alert(waiting, room.inbox.plan(waiting, datetime.now(UTC))) == words


def test_rules_of_a_hook_hold_what_comes_through_it_whatever_else_has_its_name(room: Room) -> None:
    HookBook(room.database).create(new_hook("by hand", "s", rules=HookRules(symbols=("OTHER",))), "hash")
    alert = parse_alert(b'{"ticker": "X", "action": "buy"}')
    wanted = Wanted("s", alert.to_dict())
    for source in ("by hand", "webhook:by hand"):
        room.inbox.keep([Receipt(source, source, alert.meaning, "", (wanted,), datetime.now(UTC))])
    own, through = room.inbox.waiting()
    assert room.inbox.plan(own, datetime.now(UTC)).rules is None
    assert room.inbox.plan(through, datetime.now(UTC)).rules == HookRules(symbols=("OTHER",))


def test_windows_and_the_limit_a_day_hold_entries_and_let_exits_and_overrides_pass(room: Room) -> None:
    at = datetime.now(UTC)
    shut = f"{(at + timedelta(hours=2)):%H}:00-{(at + timedelta(hours=3)):%H}:30 UTC"
    hook = grouped(room, Algo("a", "s", True, quantity="shares:1", windows=(shut,), entries_a_day=1))
    status, reason = send(room, hook, "a", action="buy")
    assert (status, reason.startswith("outside of mon-sun")) == ("refused", True)
    assert send(room, hook, "a", action="buy", override=True)[0] == "ordered"
    room.step()
    assert send(room, hook, "a", action="sell")[0] == "ordered"
    room.step()
    HookBook(room.database).keep_algo(Algo("a", "s", True, quantity="shares:1", entries_a_day=1))
    assert send(room, hook, "a", action="buy") == ("refused", "algo a had its 1 entries of the day (UTC)")
    HookBook(room.database).keep_algo(Algo("a", "s", True, quantity="shares:1", entries_a_day=2))
    assert send(room, hook, "a", action="buy")[0] == "ordered"


# ---- the engine ------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def keep(house: House, strategy: str, key: str, priority: int = 0, **said: str) -> str:
    alert = parse_alert(str({"ticker": "X"} | said).replace("'", '"').encode())
    wanted = Wanted(strategy, alert.to_dict(), priority=priority)
    [kept] = house.inbox.keep([Receipt("by hand", key, alert.meaning, "", (wanted,), datetime.now(UTC))])
    return kept.signal_id


def statuses(house: House) -> list[tuple[str, str]]:
    return [(row.key, row.status) for row in house.inbox.rows()]


def test_a_scheduled_algo_trades_by_the_clock_as_an_alert_would(house: House) -> None:
    now = datetime.now(UTC)
    book = HookBook(house.database)
    line = f"{now + timedelta(hours=1):%H:%M} UTC buy X"
    book.keep_algo(Algo("timed", "s", True, quantity="shares:3", trigger="scheduled", times=(line,)), new=True)
    clock = [now]
    made = Timetable(
        book.scheduled,
        house.inbox.keep_unknown,
        lambda _: ["X"],
        lambda: clock[0],
        lambda: clock[0].timestamp(),
        timedelta(minutes=1),
    )
    house.keep_due = made.keep_due
    house.stand(Stage.PAPER, "s")
    house.look()
    assert statuses(house) == []
    clock[0] = (now + timedelta(hours=1)).replace(second=0, microsecond=1)
    for _ in range(3):
        house.look()
        clock[0] += timedelta(seconds=1)
    [row] = house.inbox.rows()
    assert (row.status, row.algo, row.signal["size"]) == ("ordered", "timed", "shares:3")
    house.bar(2)
    assert [fill.size for fill in house.repository.fills("paper:s")] == [D(3)]


def test_what_failed_downstream_is_tried_again_and_what_came_after_it_waits_its_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.stand(Stage.PAPER, "s", "t")
    house.look()
    house.bar()
    failures = [OSError("no luck"), OSError("again")]
    acted: list[str] = []
    usual = LiveSession.handle_alert

    def handle(self: LiveSession, waiting: Waiting, plan: Plan) -> tuple[str, str] | None:
        if waiting.key == "first" and failures:
            raise failures.pop()
        acted.append(waiting.key)
        return usual(self, waiting, plan)

    monkeypatch.setattr(LiveSession, "handle_alert", handle)
    for strategy, key, action in (("s", "first", "buy"), ("s", "second", "exit"), ("t", "other", "buy")):
        keep(house, strategy, key, action=action)
    house.look()
    assert acted == ["other"]
    row = house.inbox.rows()[0]
    assert (row.status, row.attempts, row.reason) == ("received", 1, "OSError: again")
    for _ in range(20):
        house.clock.seconds += 0.3
        house.look()
        if len(acted) == 3:
            break
    assert acted == ["other", "first", "second"]
    assert [status for _, status in statuses(house)] == ["ordered", "ignored", "ordered"]  # the exit took it back


def test_what_fails_for_too_long_is_refused_with_the_reason(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar()

    def handle(*_: Any) -> None:
        raise OSError("never")

    monkeypatch.setattr(LiveSession, "handle_alert", handle)
    signal_id = keep(house, "s", "k", action="buy")
    row = house.inbox.row(signal_id)
    monkeypatch.setattr(house.clock, "now", lambda: row.received_at + timedelta(seconds=61))
    house.look()
    found = house.inbox.row(signal_id)
    assert (found.status, found.reason) == ("refused", "too old: tried 1 times in 60 s; OSError: never")


def test_a_broker_that_is_silent_for_a_moment_costs_no_signal(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar()
    words = ["the broker does not answer"]
    monkeypatch.setattr(Reconciler, "trouble", property(lambda self: words[-1]))
    keep(house, "s", "k", action="buy")
    house.look()
    assert statuses(house) == [("k", "received")]
    words.append("")
    for _ in range(10):
        house.clock.seconds += 0.3
        house.look()
    assert statuses(house) == [("k", "ordered")]


def test_signals_of_a_higher_priority_go_first_and_the_order_within_a_strategy_is_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.stand(Stage.PAPER, "s", "t")
    house.look()
    house.bar()
    acted: list[str] = []

    def handle(self: LiveSession, waiting: Waiting, plan: Plan) -> tuple[str, str]:
        acted.append(waiting.key)
        return "ignored", "tried"

    monkeypatch.setattr(LiveSession, "handle_alert", handle)
    for strategy, key, priority in (("s", "1", 0), ("t", "2", 0), ("s", "3", 1), ("t", "4", 9), ("s", "5", 0)):
        keep(house, strategy, key, priority, action="buy")
    house.look()
    assert acted == ["2", "4", "1", "3", "5"]


# ---- the inbox -------------------------------------------------------------------------------------------------------


def test_an_alert_of_several_signals_is_one_alert_and_its_repeat_answers_with_all(house: House) -> None:
    signals = tuple(Wanted("s", {"ticker": name, "action": "buy"}, f"a{n}", n) for n, name in enumerate("XYZ"))
    receipt = Receipt("webhook:h", "k", "m", "body", signals, datetime.now(UTC), note="W was left out")
    first, again = house.inbox.keep([receipt, receipt])
    [third] = house.inbox.keep([receipt])
    assert first.signal_ids == again.signal_ids == third.signal_ids
    assert (len(first.signal_ids), again.is_repeat, third.is_repeat) == (3, True, True)
    assert [(row.algo, row.priority, row.alert_id) for row in house.inbox.rows()] == [
        (f"a{n}", n, first.alert_id) for n in range(3)
    ]
    [alert] = house.inbox.alerts()
    assert (alert.repeats, alert.tickers, alert.reason) == (2, "X,Y,Z", "W was left out")


def test_refused_ones_are_kept_once_a_minute_and_counted(house: House) -> None:
    def refused(body: str) -> Receipt:
        return Receipt("webhook:h", None, "", body, (), datetime.now(UTC), refused="bad")

    kept = house.inbox.keep([refused("x")] * 30 + [refused("y")])
    assert len({one.alert_id for one in kept}) == 2
    rows = house.inbox.alerts()
    assert sum(1 + row.repeats for row in rows) == 31
    assert all((row.status, row.reason) == ("refused", "bad") for row in rows)
    assert house.inbox.rows() == []
    [counts] = house.inbox.counts()
    assert (counts["accepted"], counts["refused"], counts["repeats"]) == (0, 31, 0)


def test_a_signal_is_sent_once_more_as_another_attempt_and_taken_back_only_in_time(house: House) -> None:
    [kept] = house.inbox.keep([receipt_of(new_hook("h", "s"), "k", action="buy")])
    with pytest.raises(Exception, match="is not settled yet"):
        house.inbox.replay(kept.signal_id, "me", "why", override=False)
    assert house.inbox.cancel(kept.signal_id, "me", "why")
    assert not house.inbox.cancel(kept.signal_id, "me", "why")
    made = [house.inbox.replay(kept.signal_id, "me", "why", override=n == 1) for n in range(2)]
    rows = {row.signal_id: row for row in house.inbox.rows()}
    assert [rows[name].key for name in made] == ["k|replay 1", "k|replay 2"]
    assert [(rows[n].replay_of, rows[n].override) for n in made] == [(kept.signal_id, False), (kept.signal_id, True)]
    assert [w.override for w in house.inbox.waiting()] == [False, True]
    [again] = house.inbox.keep([receipt_of(new_hook("h", "s"), "k", action="buy")])
    assert (again.signal_ids, again.status) == ((kept.signal_id,), "cancelled")


def test_what_came_since_an_instant_is_what_is_read_of_alerts_and_signals(house: House) -> None:
    keep(house, "s", "before", action="buy")
    since = house.inbox.rows()[-1].received_at + timedelta(microseconds=1)
    keep(house, "s", "after", action="buy")
    assert [row.key for row in house.inbox.alerts(since=since)] == ["after"]
    assert [row.key for row in house.inbox.rows(since=since)] == ["after"]
    assert [row.key for row in house.inbox.rows(1, since - timedelta(days=1))] == ["after"]
    assert len(house.inbox.alerts(since=since - timedelta(days=40_000))) == 2
