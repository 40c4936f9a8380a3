"""Alert batch: receipts on their way into one transaction, looked up together and written together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from json import JSONEncoder
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from workbench.model import iso, new_id
from workbench.ports import Kept, Receipt
from workbench.store import signal_tables as t
from workbench.store.insert import insert_many, select_in

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_as_json = JSONEncoder(allow_nan=False).encode  # `dumps` makes an encoder for each text
_A_QUERY = 400
"""Keys in one query; databases limit the variables of a statement."""
_ALERT_COLUMNS = (
    "alert_id", "source", "key", "tickers", "reason", "status", "came_at", "kept_at", "address", "meaning", "body",
)  # fmt: skip
_SIGNAL_COLUMNS = (
    "signal_id", "source", "key", "strategy", "status", "reason", "received_at", "epoch", "meaning", "alert",
    "alert_id", "algo", "priority",
)  # fmt: skip
_NEWEST = (
    select(t.alerts.c.alert_id, t.alerts.c.meaning, t.alerts.c.body, t.alerts.c.kept_at)
    .where(
        t.alerts.c.source == bindparam("of"), t.alerts.c.tickers == bindparam("asked"), t.alerts.c.status == "accepted"
    )
    .order_by(t.alerts.c.seq.desc())
    .limit(1)
)
_REPEATED = (
    update(t.alerts)
    .where(t.alerts.c.alert_id == bindparam("which"))
    .values(repeats=t.alerts.c.repeats + bindparam("times"), repeated_at=bindparam("now"))
)


@dataclass(slots=True)
class _Found:
    """An alert there is: its signals' ids and the status of the first."""

    alert_id: str
    meaning: str
    body: str
    signal_ids: list[str] = field(default_factory=list)
    status: str = "received"


class AlertBatch:
    """Receipts on their way into one transaction: looked up together, written together."""

    def __init__(self, connection: Connection, epoch: int, now: datetime) -> None:
        self._connection, self._epoch, self._now = connection, epoch, now
        self._now_us = _microseconds(now)
        self._known: dict[tuple[str, str], _Found] = {}
        self._newest: dict[tuple[str, str], tuple[_Found, datetime] | None] = {}
        self._alerts: list[tuple[Any, ...]] = []
        self._signals: list[tuple[Any, ...]] = []
        self._repeats: dict[str, int] = defaultdict(int)

    def find(self, receipt: Receipt) -> Kept | None:
        """What is there of an alert with its key; None where nothing is."""
        key = receipt.key or ""
        self._look_up({receipt.source: {key}})
        found = self._known.get((receipt.source, key))
        return None if found is None else self._repeat(receipt, found)

    def unknown(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Those with whose keys there is nothing."""
        keyed: dict[str, set[str]] = defaultdict(set)
        for receipt in receipts:
            keyed[receipt.source].add(receipt.key or "")
        self._look_up(keyed)
        return [receipt for receipt in receipts if (receipt.source, receipt.key or "") not in self._known]

    def keep(self, receipts: Sequence[Receipt]) -> list[Kept]:
        """Write what is new, count what is not: an answer each, in their order."""
        keyed: dict[str, set[str]] = defaultdict(set)
        keys = [self._key(receipt) for receipt in receipts]
        for receipt, key in zip(receipts, keys, strict=True):
            if key is not None:
                keyed[receipt.source].add(key)
        self._look_up(keyed)
        answers = [self._one(receipt, key) for receipt, key in zip(receipts, keys, strict=True)]
        insert_many(self._connection, t.alerts, _ALERT_COLUMNS, self._alerts)
        insert_many(self._connection, t.signals, _SIGNAL_COLUMNS, self._signals)
        if self._repeats:
            many = [{"which": name, "times": times, "now": self._now} for name, times in self._repeats.items()]
            self._connection.execute(_REPEATED, many)
        return answers

    def _look_up(self, keyed: Mapping[str, set[str]]) -> None:
        """Learn which of these keys there are."""
        for source, names in keyed.items():
            listed = list(names)
            for at in range(0, len(listed), _A_QUERY):
                rows = select_in(
                    self._connection, "key, alert_id, meaning, body", "alerts", "source = ? AND key IN ?", (source,),
                    listed[at : at + _A_QUERY],
                )  # fmt: skip
                self._known |= {(source, key): _Found(*rest) for key, *rest in rows}
        self._add_signals(self._known.values())

    @staticmethod
    def _repeat(receipt: Receipt, found: _Found) -> Kept:
        conflict = "" if found.meaning == receipt.meaning else found.body or "{}"
        return Kept(found.alert_id, tuple(found.signal_ids), found.status, True, conflict)

    def _key(self, receipt: Receipt) -> str | None:
        if receipt.key is not None or not receipt.refused:
            return receipt.key
        kind = sha256(f"{receipt.refused}|{receipt.body}".encode(errors="replace")).hexdigest()[:24]
        return f"refused {kind} {self._now:%Y-%m-%dT%H:%M}"

    def _add_signals(self, found: Iterable[_Found]) -> None:
        by_id = {one.alert_id: one for one in found}
        listed = list(by_id)
        for at in range(0, len(listed), _A_QUERY):
            rows = select_in(
                self._connection, "alert_id, signal_id, status", "signals",
                "replay_of IS NULL AND alert_id IN ? ORDER BY seq", (), listed[at : at + _A_QUERY],
            )  # fmt: skip
            for alert_id, signal_id, status in rows:
                one = by_id[alert_id]
                one.status = status if not one.signal_ids else one.status
                one.signal_ids.append(signal_id)

    def _one(self, receipt: Receipt, key: str | None) -> Kept:
        tickers = ",".join(dict.fromkeys(str(one.alert.get("ticker", "")) for one in receipt.signals))[:500]
        found = self._known.get((receipt.source, key)) if key is not None else self._recent(receipt, tickers)
        if found is not None:
            self._repeats[found.alert_id] += 1
            return self._repeat(receipt, found)
        alert_id = new_id()
        status = "refused" if receipt.refused else "received"
        made = _Found(alert_id, receipt.meaning, receipt.body, status=status)
        name = key or f"{receipt.meaning[:16]}@{iso(self._now)} {alert_id[-12:]}"
        self._alerts.append((
            alert_id, receipt.source, name, tickers, receipt.refused or receipt.note,
            "refused" if receipt.refused else "accepted", _microseconds(receipt.came_at), self._now_us,
            receipt.address, receipt.meaning, receipt.body,
        ))  # fmt: skip
        for place, wanted in enumerate(receipt.signals):
            signal_id = new_id()
            made.signal_ids.append(signal_id)
            its_key = name if len(receipt.signals) == 1 else f"{name[:600]}|{alert_id[-12:]}|{place + 1}"
            self._signals.append((
                signal_id, receipt.source, its_key, wanted.strategy, "received", "", self._now_us, self._epoch,
                receipt.meaning, _as_json(wanted.alert), alert_id, wanted.algo, wanted.priority,
            ))  # fmt: skip
        if key is not None:
            self._known[receipt.source, key] = made
        if not receipt.refused:
            self._newest[receipt.source, tickers] = made, self._now
        return Kept(alert_id, tuple(made.signal_ids), status)

    def _recent(self, receipt: Receipt, tickers: str) -> _Found | None:
        """The newest alert on the tickers, where this repeats it: buy, exit, buy within the window are three."""
        place = receipt.source, tickers
        if place not in self._newest:
            row = self._connection.execute(_NEWEST, {"of": receipt.source, "asked": tickers}).one_or_none()
            self._newest[place] = None if row is None else (_Found(row.alert_id, row.meaning, row.body), row.kept_at)
            if row is not None:
                self._add_signals([self._newest[place][0]])  # type: ignore[index]
        newest = self._newest[place]
        if newest is None or newest[0].meaning != receipt.meaning:
            return None
        return newest[0] if newest[1] > self._now - timedelta(seconds=receipt.window) else None


def _microseconds(at: datetime) -> int:
    """An instant as it is kept."""
    return (at - _EPOCH) // _MICROSECOND
