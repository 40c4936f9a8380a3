"""Feeds: every instant once, in order, whatever the pace, the lap, the file or the restart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import DAY, flat, make_history
from workbench.data import PriceHistory
from workbench.errors import BadInput, DataFault
from workbench.model import Bar
from workbench.trading import Feed, Instant, Past, PollFeed, ReplayFeed

START = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that goes as it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds


def history(
    count: int = 30, symbol: str = "X", days: Sequence[int] | None = None, first: float = 100.0
) -> PriceHistory:
    """Daily bars whose prices rise by one, on the days given."""
    return make_history(flat(*(first + i for i in range(count))), symbol=symbol, days=days)


def replayed(
    *histories: PriceHistory, last_days: int = 10, loop: bool = False, clock: Clock | None = None
) -> ReplayFeed:
    return ReplayFeed(
        histories or [history()], last_days=last_days, seconds_per_bar=1.0, loop=loop, clock=clock or Clock()
    )


def take(feed: Feed, clock: Clock, count: int) -> list[Instant]:
    """The next instants of a feed, its clock moved on for each."""
    taken = []
    for _ in range(count):
        clock.seconds += 1
        instant = feed.next()
        assert instant is not None
        taken.append(instant)
    return taken


def tail(past: Past, keep: int) -> dict[str, list[Any]]:
    """The last rows of a past, by column."""
    rows = past.rows(max(0, len(past) - keep), len(past))
    return {name: getattr(rows, name).tolist() for name in ("times", "open", "high", "low", "close", "volume")}


# ---- the past --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 90))
@settings(max_examples=60)
def test_a_past_that_grows_beyond_its_room_ends_as_the_whole_does(keep: int, begun: int, more: int) -> None:
    whole = history(begun + more)
    past = Past.of(whole.window(0, begun), keep)
    assert len(past) == min(keep, begun)
    for i in range(begun, begun + more):
        past.append(whole.bar(i))
        assert past.last == whole.bar(i)
        assert min(keep, i + 1) <= len(past) <= 2 * keep
    expected = {name: getattr(whole, name)[-keep:].tolist() for name in ("times", "open", "close", "volume")}
    got = tail(past, keep)
    assert {name: got[name] for name in expected} == expected


def test_rows_of_a_past_are_copies_and_a_missing_volume_is_no_number() -> None:
    past = Past.of(history(3), 2)
    before = past.rows(0, 2).close.tolist()
    rows = past.rows(0, 2)
    start = START + timedelta(days=3, microseconds=7)
    past.append(Bar("X", start, start + timedelta(hours=1), *[Decimal("7.25")] * 4))
    past.append(Bar("X", start + timedelta(hours=1), start + timedelta(hours=2), *[Decimal(8)] * 4))
    past.append(Bar("X", start + timedelta(hours=2), start + timedelta(hours=3), *[Decimal(9)] * 4))
    assert rows.close.tolist() == before
    assert tail(past, 3)["close"] == [7.25, 8, 9]
    assert np.isnan(past.rows(0, len(past)).volume[-1])
    assert past.rows(0, 1).times[0] == 3 * DAY + 7_000


# ---- replay ----------------------------------------------------------------------------------------------------------


def test_a_replay_keeps_its_pace_and_its_clock_is_the_end_of_the_last_bar() -> None:
    clock = Clock()
    feed = replayed(clock=clock)
    past = feed.open(None, 100)
    assert len(past["X"]) == 20
    assert feed.now() == START + timedelta(days=20)
    assert feed.next() is None
    clock.seconds = 0.99
    assert feed.next() is None
    clock.seconds = 1.0
    first = feed.next()
    assert first is not None
    assert (first.start, first.end, feed.now()) == (START + timedelta(days=20), START + timedelta(days=21), first.end)
    assert feed.next() is None


def test_a_replay_that_was_held_up_does_not_race_through_what_it_missed() -> None:
    clock = Clock()
    feed = replayed(clock=clock)
    feed.open(None, 100)
    clock.seconds = 500
    given = [feed.next() for _ in range(4)]
    assert sum(instant is not None for instant in given) <= 2
    clock.seconds += 1
    assert feed.next() is not None


def test_a_replay_ends_with_its_last_bar_and_a_looped_one_never() -> None:
    for loop in (False, True):
        clock = Clock()
        feed = replayed(loop=loop, clock=clock)
        feed.open(None, 100)
        assert not feed.is_finished
        take(feed, clock, 10)
        clock.seconds += 10
        assert feed.is_finished is not loop
        assert (feed.next() is None) is not loop


def test_laps_are_whole_weeks_apart_and_time_only_rises() -> None:
    clock = Clock()
    feed = replayed(loop=True, clock=clock)
    feed.open(None, 100)
    taken = take(feed, clock, 35)
    starts = [instant.start for instant in taken]
    assert all(a < b for a, b in itertools.pairwise(starts))
    assert all(a.end <= b.start for a, b in itertools.pairwise(taken))
    for lap in (1, 2, 3):
        for one, again in zip(taken, taken[10 * lap :], strict=False):
            assert (again.start - one.start) % timedelta(weeks=1) == timedelta(0)
            assert again.bars["X"].close == one.bars["X"].close
            assert again.bars["X"].start == again.start


@pytest.mark.parametrize("last_days", [7, 8, 13, 14, 15])
def test_a_lap_of_any_length_overlaps_with_no_other(last_days: int) -> None:
    clock = Clock()
    feed = replayed(last_days=last_days, loop=True, clock=clock)
    feed.open(None, 100)
    taken = take(feed, clock, 3 * last_days)
    assert all(a.end <= b.start for a, b in itertools.pairwise(taken))


def uneven() -> list[PriceHistory]:
    """Two symbols, one of which is not traded every day."""
    odd = [day for day in range(30) if day % 3]
    return [history(), history(len(odd), "Y", odd, first=10.0)]


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize(("made", "keep"), [(uneven, 100), (lambda: [history(), history(symbol="Y")], 4)])
def test_reopened_after_any_instant_it_goes_on_as_if_it_had_never_stopped(
    made: Callable[[], list[PriceHistory]], keep: int, loop: bool
) -> None:
    clock = Clock()
    feed = replayed(*made(), loop=loop, clock=clock)
    pasts = feed.open(None, keep)
    for _ in range(23 if loop else 10):
        [instant] = take(feed, clock, 1)
        for symbol, bar in instant.bars.items():
            pasts[symbol].append(bar)
        again_clock = Clock()
        again = replayed(*made(), loop=loop, clock=again_clock)
        reopened = again.open(instant.start, keep)
        assert again.now() == feed.now()
        assert again.is_finished is feed.is_finished
        for symbol in pasts:
            assert tail(reopened[symbol], keep) == tail(pasts[symbol], keep)
            assert reopened[symbol].last == pasts[symbol].last
        if not again.is_finished:
            ahead = replayed(*made(), loop=loop, clock=again_clock)
            ahead.open(None, keep)
            assert again.next() is None  # at its pace from when it was opened
            position = int(clock.seconds)
            assert take(again, again_clock, 1) == take(ahead, again_clock, position + 1)[-1:]


def test_an_instant_the_data_does_not_have_is_refused_by_its_time() -> None:
    for loop, day in ((False, 31), (False, 18), (True, 18), (True, 31), (False, 34), (True, -1)):
        at = START + timedelta(days=day)
        with pytest.raises(BadInput, match="was traded last, and is no bar of the data any more"):
            replayed(loop=loop).open(at, 100)
    replayed(loop=True).open(START + timedelta(days=34), 100)  # a lap of ten days is two weeks long
    replayed(loop=True).open(START + timedelta(days=19), 100)  # the last bar before the replayed days: it begins after


def test_a_replay_without_a_past_or_without_anything_to_trade_is_refused() -> None:
    for last_days in (30, 31, 1000, 0):
        with pytest.raises(BadInput, match="last_days"):
            replayed(last_days=last_days)
    late = history(5, "Y", range(25, 30))
    with pytest.raises(BadInput, match="Y: has no bars before the replayed days"):
        replayed(history(), late).open(None, 100)


# ---- files that grow -------------------------------------------------------------------------------------------------


class Files:
    """Histories on file, as they stand now; `trouble` is what reading them raises."""

    def __init__(self, *histories: PriceHistory) -> None:
        self.histories = list(histories)
        self.version = 0
        self.looks = 0
        self.trouble: Exception | None = None
        self.clock = Clock()
        self.feed = self.made()

    def made(self) -> PollFeed:
        return PollFeed(self.load, lambda: self.version, every=5.0, clock=self.clock)

    def load(self) -> Sequence[PriceHistory]:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return self.histories

    def become(self, *histories: PriceHistory) -> None:
        self.histories = list(histories)
        self.version += 1

    def due(self) -> list[Instant]:
        """Everything that is given at the next look."""
        self.clock.seconds += 5
        found = []
        while (instant := self.feed.next()) is not None:
            found.append(instant)
        return found


def days(instants: Sequence[Instant]) -> list[tuple[int, str]]:
    """Which day each instant is, and which symbols it has."""
    return [((i.start - START).days, "".join(sorted(i.bars))) for i in instants]


def test_bars_that_were_added_are_given_once_and_in_order() -> None:
    files = Files(history(10))
    assert len(files.feed.open(None, 100)["X"]) == 10
    assert files.due() == []
    files.become(history(12))
    assert days(files.due()) == [(10, "X"), (11, "X")]
    assert files.due() == []
    files.become(history(13))
    [last] = files.due()
    assert last.bars["X"] == history(13).bar(12)
    assert files.feed.notes == []
    assert not files.feed.is_finished
    assert files.feed.now() == files.clock.now()


def test_files_are_looked_at_only_every_so_often_and_read_only_when_they_changed() -> None:
    files = Files(history(10))
    files.feed.open(None, 100)
    files.due()
    read = files.looks
    assert files.due() == files.due() == []
    assert files.looks == read
    files.become(history(11))
    files.clock.seconds += 4.9
    assert files.feed.next() is None
    assert files.looks == read
    files.clock.seconds += 0.2
    assert files.feed.next() is not None


@pytest.mark.parametrize("trouble", [DataFault("X", "row 12", "is broken off"), OSError("locked")])
def test_a_file_that_cannot_be_read_now_is_noted_once_and_tried_again(trouble: Exception) -> None:
    files = Files(history(10))
    files.feed.open(None, 100)
    files.become(history(11))
    files.trouble = trouble
    assert files.due() == files.due() == []
    assert len(files.feed.notes) == 1
    assert str(trouble) in files.feed.notes[0]
    files.trouble = None  # written in full, within the same instant of its time stamp
    assert days(files.due()) == [(10, "X")]
    assert len(files.feed.notes) == 1


def test_an_error_of_ours_is_not_taken_for_a_file_half_written() -> None:
    files = Files(history(10))
    files.feed.open(None, 100)
    files.become(history(11))
    files.trouble = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        files.due()


def test_the_slowest_of_several_files_sets_the_pace_and_no_bar_is_lost() -> None:
    files = Files(history(10), history(10, "Y"))
    files.feed.open(None, 100)
    files.become(history(13), history(10, "Y"))
    assert files.due() == []
    files.become(history(13), history(12, "Y"))
    assert days(files.due()) == [(10, "XY"), (11, "XY")]
    files.become(history(13), history(14, "Y"))
    assert days(files.due()) == [(12, "XY")]
    files.become(history(14), history(14, "Y"))
    assert days(files.due()) == [(13, "XY")]


def test_days_on_which_only_some_are_traded_are_given_with_those() -> None:
    files = Files(history(10), history(10, "Y"))
    files.feed.open(None, 100)
    files.become(history(13), history(11, "Y", [*range(10), 12]))
    assert days(files.due()) == [(10, "X"), (11, "X"), (12, "XY")]


def test_a_past_that_was_corrected_is_noted_and_trading_goes_on() -> None:
    files = Files(history(10))
    files.feed.open(None, 100)
    corrected = make_history(flat(*(100.0 + i + (i == 3) for i in range(11))))
    files.become(corrected)
    assert days(files.due()) == [(10, "X")]
    assert files.feed.notes == ["X: bars that were traded on have changed; what was done stays"]
    files.become(make_history(flat(*(100.0 + i + (i == 3) for i in range(12)))))
    assert days(files.due()) == [(11, "X")]
    assert len(files.feed.notes) == 1
    files.become(history(4))
    assert files.due() == []
    assert len(files.feed.notes) == 2


@pytest.mark.parametrize("traded", range(8, 14))
def test_restarted_after_a_bar_it_goes_on_with_the_next(traded: int) -> None:
    files = Files(history(14), history(14, "Y"))
    past = files.feed.open(START + timedelta(days=traded), 5)
    for symbol in "XY":
        last = past[symbol].last
        assert last is not None
        assert last.start == START + timedelta(days=traded)
        assert len(past[symbol]) == 5
    assert days(files.due()) == [(day, "XY") for day in range(traded + 1, 14)]


def test_restarted_after_a_bar_the_files_no_longer_have_it_refuses() -> None:
    files = Files(history(9, days=[*range(7), 8, 9]))
    for day in (7, 40):
        with pytest.raises(BadInput, match="was traded last, and is no bar of the data any more"):
            files.feed.open(START + timedelta(days=day), 5)
    assert files.made().open(START + timedelta(days=8), 5)["X"].last is not None


def test_a_file_that_begins_only_later_is_refused() -> None:
    files = Files(history(10), history(3, "Y", range(7, 10)))
    with pytest.raises(BadInput, match="Y: has no bars before the first to trade"):
        files.feed.open(START + timedelta(days=5), 5)
