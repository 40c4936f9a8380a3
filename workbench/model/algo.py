"""Algo: what signals make a promoted strategy do; and the group that says which signals go to which algos."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workbench.errors import BadInput
from workbench.model.numbers import decimal
from workbench.model.signal import SizeRequest
from workbench.model.times import utc

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SIDES = ("both", "long", "short")
ALGO_ACTIONS = ("buy", "sell", "short", "exit", "exit_long", "exit_short", "ignore")
"""What a sender's action may be turned into."""
BY_SIGNAL, BY_TIME, BY_PERSON = TRIGGERS = ("signal", "scheduled", "manual")
"""What makes an algo act: alerts of its groups; its own times; a person, who may use any algo."""
AS_SENT, OF_STRATEGY = "signal", "strategy"
"""Quantity rules beside the size rules: what the signal says, else the strategy's own; or the strategy's own always."""
ALL, FIRST = "all", "first"
"""How a group routes: to every algo that takes a signal, or to the first by priority."""

_NAME = re.compile(r"[^\W\d_][\w .:-]{0,59}")
_WINDOW = re.compile(r"(?:(\w{3})(?:-(\w{3}))?\s+)?(\d\d?:\d\d)-(\d\d?:\d\d)(?:\s+(\S+))?")
_MOMENT = re.compile(r"(?:(\w{3})(?:-(\w{3}))?\s+)?(\d\d?:\d\d)(?:\s+(\S+))?\s+(\w+)\s+(\S+)")
_MOMENT_REMEDY = 'as in "mon-fri 15:15 Asia/Kolkata exit INFY"'
MOST_TIMES, MOST_TICKER = 50, 100
"""Times of one algo, and characters of the ticker in one."""
_CONDITION = re.compile(r"(\w+)\s*(<=|>=|!=|=|<|>|\bin\b|\bcontains\b)\s*(.+)")
CONDITION_FIELDS = ("ticker", "action", "position", "quantity", "price", "comment", "order_id", "strategy")
_NUMBERS = ("quantity", "price")


def checked_name(what: str, text: str) -> str:
    """A name that a person gave: a letter, then letters, digits, blanks and _ . : - , at most 60 in all."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise BadInput(what, text, "must begin with a letter and hold at most 60 letters, digits, blanks or _.:-")
    return name


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the days of a week in a time zone, its start included and its end excluded; it may span midnight.

    The days are those on which it begins, Monday 0.
    """

    days: tuple[int, ...]
    start: time
    end: time
    zone: str

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(text: str) -> Window:
        """A window from text, as in "mon-fri 09:15-15:15 Asia/Kolkata"; every day and UTC where nothing is said."""
        match = _WINDOW.fullmatch(text.strip().replace("–", "-"))
        remedy = 'as in "mon-fri 09:15-15:15 Asia/Kolkata"'
        if match is None:
            raise BadInput("window", text, "cannot be read", remedy)
        first, last, start, end, zone = match.groups()
        days = _days("window", first, last, remedy)
        begins, ends = _time("window", start, remedy), _time("window", end, remedy)
        if begins == ends:
            raise BadInput("window", text, "ends where it begins", remedy)
        return Window(days, begins, ends, _zone("window", zone, remedy))

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        local = utc("at", at).astimezone(ZoneInfo(self.zone))
        now = local.time()
        if self.start < self.end:
            return local.weekday() in self.days and self.start <= now < self.end
        if now >= self.start:
            return local.weekday() in self.days
        return now < self.end and (local - timedelta(days=1)).weekday() in self.days

    def __str__(self) -> str:
        return f"{_days_said(self.days)} {self.start:%H:%M}-{self.end:%H:%M} {self.zone}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of the days of a week in a time zone, and what is to be done then; Monday 0.

    Where clocks go forward over the time, it is as much later as they go; where they go back, it is the first of both.
    """

    days: tuple[int, ...]
    at: time
    zone: str
    action: str
    ticker: str

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(text: str) -> Moment:
        """A moment from text, as in "mon-fri 15:15 Asia/Kolkata exit INFY"; every day and UTC where nothing is said."""
        match, remedy = _MOMENT.fullmatch(text.strip().replace("–", "-")), _MOMENT_REMEDY
        if match is None:
            raise BadInput("time", text, "cannot be read", remedy)
        first, last, at, zone, action, ticker = match.groups()
        if action.lower() not in ALGO_ACTIONS[:-1]:
            raise BadInput("time", text, f"{action} is none of {', '.join(ALGO_ACTIONS[:-1])}", remedy)
        if len(ticker) > MOST_TICKER or not ticker.isprintable():
            raise BadInput("time ticker", ascii(ticker), f"must hold at most {MOST_TICKER} characters that can be read")
        days = _days("time", first, last, remedy)
        return Moment(days, _time("time", at, remedy), _zone("time", zone, remedy), action.lower(), ticker)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The instants after one and up to another, that one included, in UTC, oldest first."""
        zone = ZoneInfo(self.zone)
        day = after.astimezone(zone).date() - timedelta(days=1)  # where clocks go forward over midnight it is the next
        while day <= until.astimezone(zone).date():
            instant = datetime.combine(day, self.at, zone).astimezone(UTC)
            if day.weekday() in self.days and after < instant <= until:
                yield instant
            day += timedelta(days=1)

    def __str__(self) -> str:
        return f"{_days_said(self.days)} {self.at:%H:%M} {self.zone} {self.action} {self.ticker}"


def _days(what: str, first: str | None, last: str | None, remedy: str) -> tuple[int, ...]:
    """Days of a week from the names of the first and the last; one where only that is named, all where none is."""
    for day in (first, last):
        if day is not None and day.lower() not in DAYS:
            raise BadInput(f"{what} day", day, f"is none of {', '.join(DAYS)}", remedy)
    begin = DAYS.index(first.lower()) if first else 0
    stop = DAYS.index(last.lower()) if last else (begin if first else 6)
    return tuple(sorted({(begin + i) % 7 for i in range((stop - begin) % 7 + 1)}))


def _days_said(which: tuple[int, ...]) -> str:
    days = [DAYS[day] for day in which]
    run = [(which[0] + i) % 7 for i in range(len(days))] == list(which)
    said = "mon-sun" if len(days) == 7 else f"{days[0]}-{days[-1]}" if run and len(days) > 1 else days[0]
    if not run and len(days) > 1:  # over a week's end, as in fri-mon
        first = next(d for d in which if (d - 1) % 7 not in which)
        said = f"{DAYS[first]}-{DAYS[(first + len(days) - 1) % 7]}"
    return said


def _time(what: str, text: str, remedy: str) -> time:
    try:
        return time.fromisoformat(f"{text:0>5}")
    except ValueError:
        raise BadInput(what, text, "is no time of a day", remedy) from None


def _zone(what: str, text: str | None, remedy: str) -> str:
    try:
        return ZoneInfo(text or "UTC").key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"{what} zone", text, "is no time zone", remedy) from None


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that has to hold of an alert: a field of it, a comparison, a value."""

    name: str
    how: str
    value: str

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(text: str) -> Condition:
        """A condition from text, as in "price >= 100", "ticker in AAPL MSFT" or "comment contains breakout"."""
        match = _CONDITION.fullmatch(text.strip())
        if match is None:
            raise BadInput("condition", text, "cannot be read", 'as in "price >= 100" or "comment contains breakout"')
        name, how, value = match[1].lower(), match[2], match[3].strip().strip("\"'")
        if name not in CONDITION_FIELDS:
            raise BadInput("condition field", name, f"is none of {', '.join(CONDITION_FIELDS)}")
        if how in ("<", "<=", ">", ">=") and name not in _NUMBERS:
            raise BadInput("condition", text, f"{name} is no number", f"compare {' or '.join(_NUMBERS)} so")
        if name in _NUMBERS and how not in ("in", "contains"):
            decimal("condition value", value)
        return Condition(name, how, value)

    def holds(self, alert: Mapping[str, object]) -> bool:
        """Whether it holds of an alert's fields; an alert without the field does not meet it, save for `!=`."""
        given = alert.get(self.name)
        if given is None:
            return self.how == "!="
        said, wanted = str(given).casefold(), self.value.casefold()
        if self.how == "contains":
            return wanted in said
        if self.how == "in":
            return said in wanted.replace(",", " ").split()
        if self.name in _NUMBERS:
            left, right = decimal(self.name, said), decimal("condition value", wanted)
            return {"=": left == right, "!=": left != right, "<": left < right, "<=": left <= right,
                    ">": left > right, ">=": left >= right}[self.how]  # fmt: skip
        return (said == wanted) is (self.how == "=")

    def __str__(self) -> str:
        return f"{self.name} {self.how} {self.value}"


@dataclass(frozen=True, slots=True)
class Algo:
    """What the signals of a group, its own `times` or a person make one promoted strategy do, in its account.

    `trigger` is signal, scheduled or manual; a scheduled one alone has times, as `Moment` reads them. `armed_at` is
    since when it does what it does, as whoever keeps it tells: no time before that is its.
    `actions` turns a sender's action into another (or into ignore); `sides` limits entries, never exits. `quantity` is
    signal, strategy or a size rule; `entries_a_day` counts by the days of `zone`. It acts inside one of its windows,
    where it has any, while all `conditions` hold, until `expires_at`; exits pass windows and limits. `aliases` are
    tickers and the symbols they stand for. A higher `priority` goes first. New ones are inactive.
    """

    name: str
    strategy: str
    active: bool = False
    about: str = ""
    sides: str = "both"
    actions: Mapping[str, str] = field(default_factory=dict)
    quantity: str = AS_SENT
    entries_a_day: int | None = None
    expires_at: datetime | None = None
    windows: tuple[str, ...] = ()
    zone: str = "UTC"
    conditions: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    trigger: str = BY_SIGNAL
    times: tuple[str, ...] = ()
    armed_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name("algo name", self.name))
        if self.trigger not in TRIGGERS:
            raise BadInput("trigger", self.trigger, f"must be one of {', '.join(TRIGGERS)}")
        object.__setattr__(self, "times", tuple(dict.fromkeys(str(Moment.parse(text)) for text in self.times)))
        if len(self.times) > MOST_TIMES:
            raise BadInput("times", f"{len(self.times)} of them", f"must be at most {MOST_TIMES}", "make a second algo")
        if self.trigger == BY_TIME and not self.times:
            raise BadInput("times", "", "are missing for a scheduled algo", _MOMENT_REMEDY)
        if self.times and self.trigger != BY_TIME:
            raise BadInput("times", "; ".join(self.times), f"are those of a {self.trigger} algo", "make it scheduled")
        if self.sides not in SIDES:
            raise BadInput("sides", self.sides, f"must be one of {', '.join(SIDES)}")
        for said, done in self.actions.items():
            if not said.strip() or done not in ALGO_ACTIONS:
                raise BadInput(f"action {said}", done, f"must be one of {', '.join(ALGO_ACTIONS)}")
        if self.quantity not in (AS_SENT, OF_STRATEGY):
            try:
                SizeRequest.parse(self.quantity)
            except BadInput as error:
                rules = "write signal, strategy, all, shares:N, value:N, percent:P or risk:P"
                raise BadInput("quantity", self.quantity, error.problem, rules) from None
        if self.entries_a_day is not None and self.entries_a_day < 1:
            raise BadInput("entries a day", self.entries_a_day, "must be at least 1", "or leave it out")
        if self.expires_at is not None:
            object.__setattr__(self, "expires_at", utc("expires_at", self.expires_at))
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadInput("zone", self.zone, "is no time zone", "as in Asia/Kolkata") from None
        object.__setattr__(self, "windows", tuple(str(Window.parse(text)) for text in self.windows))
        object.__setattr__(self, "conditions", tuple(str(Condition.parse(text)) for text in self.conditions))

    def size(self, alert_quantity: Decimal | None, alert_size: str | None) -> SizeRequest | None:
        """The size rule of an entry; None for the strategy's own."""
        if self.quantity == OF_STRATEGY:
            return None
        if self.quantity != AS_SENT:
            return SizeRequest.parse(self.quantity)
        return size_as_sent(alert_quantity, alert_size)


def size_as_sent(quantity: Decimal | None, size: str | None) -> SizeRequest | None:
    """The size rule that an alert carries; None where it leaves the size to the strategy."""
    if quantity is not None:
        return SizeRequest.parse(f"shares:{quantity}")
    return SizeRequest.parse(size) if size else None


@dataclass(frozen=True, slots=True)
class Group:
    """Signals that belong together: what comes through its hooks goes to its algos, by `route` (all or first).

    Where it may `recognise`, a strategy that the alert's text names chooses the algo; one that names none, or several,
    is refused. An inactive one takes nothing.
    """

    name: str
    algos: tuple[str, ...] = ()
    about: str = ""
    route: str = ALL
    recognise: bool = False
    active: bool = True
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name("group name", self.name))
        object.__setattr__(self, "algos", tuple(self.algos))
        if self.route not in (ALL, FIRST):
            raise BadInput("route", self.route, f"must be {ALL} or {FIRST}")
        twice = {name for name in self.algos if self.algos.count(name) > 1}
        if twice:
            raise BadInput("group algos", ", ".join(sorted(twice)), "is named twice")
        if self.expires_at is not None:
            object.__setattr__(self, "expires_at", utc("expires_at", self.expires_at))
