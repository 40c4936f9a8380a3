"""Trades: round trips worked out from order records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.model import from_ns, iso
from workbench.research.tape import CAUSES, REASONS, Outcome, Tape


@dataclass(frozen=True, slots=True)
class Trade:
    """One round trip, or the open rest of one.

    `size` is in the units of the prices (adjusted where they are), `raw_size` in units at the entry. `pnl` is net of
    fees, in currency; that of an open trade is marked at the last close. `returned` is pnl ÷ (entry price × size).
    `entry_idx` and `exit_idx` are positions on the tape.
    """

    symbol: str
    direction: str
    entry_idx: int
    entry_time: str
    entry_price: float
    exit_idx: int | None
    exit_time: str | None
    exit_price: float | None
    size: float
    raw_size: float
    fees: float
    pnl: float
    returned: float
    status: str
    cause: str | None

    def to_dict(self) -> dict[str, Any]:
        """The trade as JSON values."""
        return {
            "symbol": self.symbol,
            "direction": self.direction,
            "entry_time": self.entry_time,
            "entry_price": self.entry_price,
            "exit_time": self.exit_time,
            "exit_price": self.exit_price,
            "size": self.size,
            "raw_size": self.raw_size,
            "fees": self.fees,
            "pnl": self.pnl,
            "return": self.returned,
            "status": self.status,
            "exit_cause": self.cause,
        }


def trades_of(tape: Tape, outcome: Outcome, first: int = 0, stop: int | None = None) -> list[Trade]:
    """The trades of an outcome that ran from bar `first` up to, not including, `stop`; by entry time, then symbol."""
    trades: list[Trade] = []
    marks = tape.marks()[: len(tape) if stop is None else stop]
    entry: dict[int, Any] = {}
    for row, cause in zip(outcome.orders, outcome.causes, strict=True):
        column = int(row["col"])
        if cause == 0:
            entry[column] = row
            continue
        trades.append(_trade(tape, entry.pop(column), first, row, CAUSES[cause], float(row["price"])))
    for column, row in entry.items():
        trades.append(_trade(tape, row, first, None, None, float(marks[-1, column])))
    return sorted(trades, key=lambda t: (t.entry_idx, tape.symbols.index(t.symbol)))


def _trade(tape: Tape, entry: Any, first: int, exit_: Any, cause: str | None, last: float) -> Trade:
    column, at = int(entry["col"]), int(entry["idx"]) + first
    size, price = float(entry["size"]), float(entry["price"])
    fees = float(entry["fees"]) + (0.0 if exit_ is None else float(exit_["fees"]))
    long = entry["side"] == 0
    pnl = size * (last - price) * (1 if long else -1) - fees
    left = None if exit_ is None else int(exit_["idx"]) + first
    return Trade(
        symbol=tape.symbols[column],
        direction="long" if long else "short",
        entry_idx=at,
        entry_time=_time(tape, at),
        entry_price=price,
        exit_idx=left,
        exit_time=None if left is None else _time(tape, left),
        exit_price=None if exit_ is None else last,
        size=size,
        raw_size=round(size * float(tape.factor[at, column]), 8),
        fees=fees,
        pnl=pnl,
        returned=pnl / (price * size),
        status="open" if exit_ is None else "closed",
        cause=cause,
    )


def pending_of(tape: Tape, outcome: Outcome) -> list[dict[str, Any]]:
    """What the last bars ask for that no bar came to fill (row 21), as JSON values."""
    return [
        {
            "symbol": tape.symbols[column],
            "action": "entry" if direction else "exit",
            "direction": {1: "long", -1: "short", 0: None}[direction],
            "size": size if direction else None,
        }
        for column, direction, size in outcome.pending
    ]


def rejected_of(tape: Tape, outcome: Outcome, first: int = 0) -> list[dict[str, Any]]:
    """Entries that came to nothing, with the reason, as JSON values."""
    return [
        {
            "symbol": tape.symbols[column],
            "time": _time(tape, bar + first),
            "direction": "long" if direction > 0 else "short",
            "reason": REASONS[reason],
        }
        for bar, column, direction, reason in outcome.rejected
    ]


def _time(tape: Tape, row: int) -> str:
    return iso(from_ns(int(tape.times[row])))
