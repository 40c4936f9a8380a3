"""Inbox: alerts on file before they are answered, each once; and their signals, until something has become of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, select, update

from workbench.errors import BadInput, UnknownName
from workbench.model import Algo, Group, HookRules, from_json, id_at, iso, new_id
from workbench.ports import Kept, Plan, Receipt, Waiting
from workbench.store import signal_tables as t
from workbench.store.alert_batch import AlertBatch
from workbench.store.fence import read_fence
from workbench.store.journal import write
from workbench.store.trading import TradingDatabase, wall

_UNTAKEN = (t.signals.c.status == "received", t.signals.c.signal.is_(None))


class Inbox:
    """Keeps alerts. The server writes and answers from it, the engine takes from it."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    def keep(self, receipts: Sequence[Receipt]) -> list[Kept]:
        """Keep alerts in one transaction, in their order: each is on disk when this returns.

        A refused one is kept for the log; without a key one of its kind a minute, the others are counted.
        """
        with self._database.transaction() as connection:
            batch = AlertBatch(connection, read_fence(connection).epoch, wall())
            return batch.keep(receipts)

    def find(self, receipt: Receipt) -> Kept | None:
        """What is kept of an alert that was taken before; None for a new one, and for one without a key."""
        if receipt.key is None:
            return None
        with self._database.reading() as connection:
            return AlertBatch(connection, 0, wall()).find(receipt)

    def keep_unknown(self, receipts: Sequence[Receipt]) -> int:
        """Keep those with whose keys nothing is kept yet, and say how many; the others are not counted as repeats."""
        with self._database.reading() as connection:
            new = AlertBatch(connection, 0, wall()).unknown(receipts)
        return len(self.keep(new)) if new else 0

    # ---- the engine's side -------------------------------------------------------------------------------------------

    def waiting(self, limit: int = 100, without: Collection[str] = ()) -> Sequence[Waiting]:
        """Signals nobody acted on yet and that are due, oldest first; of other strategies than these."""
        table = t.signals
        later = select(table.c.strategy).where(*_UNTAKEN, table.c.not_before > wall())
        query = (
            select(table)
            .where(*_UNTAKEN, table.c.strategy.not_in(later), table.c.strategy.not_in(list(without)))
            .order_by(table.c.seq)
            .limit(limit)
        )
        names = Waiting.__dataclass_fields__
        with self._database.reading() as connection:
            return [Waiting(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]

    def plan(self, waiting: Waiting, now: datetime) -> Plan:
        """What holds for a signal now: its hook's rules, its algo, whether its group still is active."""
        mine = select(t.hooks).where(t.hooks.c.name == waiting.source.removeprefix("webhook:"))
        with self._database.reading() as connection:
            hook = connection.execute(mine).one_or_none() if waiting.source.startswith("webhook:") else None
            rules = None if hook is None else from_json(HookRules, (hook.doc or {}).get("rules", {}))
            if not waiting.algo:
                return Plan(rules)
            algo_doc = connection.scalar(select(t.algos.c.doc).where(t.algos.c.name == waiting.algo))
            algo = None if algo_doc is None else from_json(Algo, algo_doc)
            active = True
            if hook is not None and hook.group_name:
                doc = connection.scalar(select(t.groups.c.doc).where(t.groups.c.name == hook.group_name))
                group = None if doc is None else from_json(Group, doc)
                active = group is not None and group.active and (group.expires_at is None or now < group.expires_at)
            count = 0
            if algo is not None and algo.entries_a_day is not None:
                local = now.astimezone(ZoneInfo(algo.zone))
                count = self._entries(connection, algo.name, local.replace(hour=0, minute=0, second=0, microsecond=0))
            return Plan(rules, algo, active, count)

    def _entries(self, connection: Connection, algo: str, since: datetime) -> int:
        table = t.signals
        query = select(func.count()).where(
            table.c.signal_id >= id_at(since), table.c.algo == algo, table.c.status == "ordered",
            table.c.signal["action"].as_string() == "entry",
        )  # fmt: skip
        return connection.scalar(query) or 0

    def settle(self, signal_id: str, status: str, reason: str) -> None:
        """Say why a signal is not acted on: refused, or ignored where there is nothing to do."""
        with self._database.transaction() as connection:
            done = connection.execute(
                update(t.signals)
                .where(t.signals.c.signal_id == signal_id, t.signals.c.status == "received")
                .values(status=status, reason=reason, settled_at=wall())
            )
            if done.rowcount:
                write(connection, status, signal_id, wall(), reason=reason)

    def put_off(self, signal_id: str, until: datetime, reason: str) -> None:
        """Try it again at a time, where nothing has come of it; nothing of its strategy is given before."""
        with self._database.transaction() as connection:
            done = connection.execute(
                update(t.signals)
                .where(t.signals.c.signal_id == signal_id, *_UNTAKEN)
                .values(not_before=until, attempts=t.signals.c.attempts + 1, reason=reason)
            )
            if done.rowcount:
                write(connection, "put_off", signal_id, wall(), reason=reason, until=iso(until))

    # ---- a person's side ---------------------------------------------------------------------------------------------

    def cancel(self, signal_id: str, by: str, reason: str) -> bool:
        """Take a signal back that nobody acted on yet; whether that came in time. Raises UnknownName."""
        self.row(signal_id)
        with self._database.transaction() as connection:
            mine = update(t.signals).where(t.signals.c.signal_id == signal_id, *_UNTAKEN)
            words = f"taken back by {by}: {reason}"
            done = connection.execute(mine.values(status="cancelled", reason=words, settled_at=wall())).rowcount == 1
            if done:
                write(connection, "cancelled", signal_id, wall(), by=by, reason=reason)
            return done

    def replay(self, signal_id: str, by: str, reason: str, *, override: bool) -> str:
        """Make a signal of another one over again: its id. The number in its key says which attempt it is."""
        row = self.row(signal_id)
        if row.alert is None:
            raise BadInput("signal", signal_id, "came from a strategy's bars, not from an alert", "replay an alert's")
        with self._database.transaction() as connection:
            if row.status == "received":
                raise BadInput("signal", signal_id, "is not settled yet", "wait, or cancel it first")
            first = row.replay_of or row.signal_id
            times = connection.scalar(select(func.count()).where(t.signals.c.replay_of == first)) or 0
            made = new_id()
            names = ("source", "strategy", "meaning", "body", "alert", "alert_id", "algo", "priority")
            original = connection.execute(select(t.signals).where(t.signals.c.signal_id == first)).one()
            connection.execute(t.signals.insert(), {name: getattr(original, name) for name in names} | {
                "signal_id": made, "key": f"{original.key}|replay {times + 1}", "status": "received", "reason": "",
                "received_at": wall(), "epoch": read_fence(connection).epoch, "replay_of": first, "override": override,
            })  # fmt: skip
            write(connection, "replay", made, wall(), by=by, reason=reason, of=first, override=str(override))
            return made

    def row(self, signal_id: str) -> Row[Any]:
        """A signal as it is kept. Raises UnknownName."""
        with self._database.reading() as connection:
            row = connection.execute(select(t.signals).where(t.signals.c.signal_id == signal_id)).one_or_none()
            if row is None:
                newest = select(t.signals.c.signal_id).order_by(t.signals.c.seq.desc()).limit(20)
                raise UnknownName("signal", signal_id, connection.scalars(newest).all())
        return row

    def rows(self, last: int | None = None, since: datetime | None = None) -> Sequence[Row[Any]]:
        """Signals as they are kept, oldest first, at most the `last` ones, received at or after `since`."""
        query = select(t.signals).order_by(t.signals.c.seq.desc()).limit(last)
        if since is not None:
            query = query.where(t.signals.c.signal_id >= id_at(since), t.signals.c.received_at >= since)
        with self._database.reading() as connection:
            return list(reversed(connection.execute(query).all()))

    def alerts(
        self,
        last: int | None = None,
        source: str | None = None,
        ids: Iterable[str] | None = None,
        since: datetime | None = None,
    ) -> Sequence[Row[Any]]:
        """Alerts as they came, refused ones too, oldest first, at most the `last` ones, kept at or after `since`."""
        query = select(t.alerts).order_by(t.alerts.c.seq.desc()).limit(last)
        if source is not None:
            query = query.where(t.alerts.c.source == source)
        if since is not None:
            query = query.where(t.alerts.c.alert_id >= id_at(since), t.alerts.c.kept_at >= since)
        if ids is not None:
            query = query.where(t.alerts.c.alert_id.in_(list(ids)))
        with self._database.reading() as connection:
            return list(reversed(connection.execute(query).all()))

    def counts(self) -> Sequence[dict[str, Any]]:
        """How many alerts of each source were accepted, refused and repeated, and when the last came."""
        table = t.alerts
        query = select(
            table.c.source, table.c.status, func.count().label("times"), func.sum(table.c.repeats).label("repeats"),
            func.max(table.c.kept_at).label("last"),
        ).group_by(table.c.source, table.c.status)  # fmt: skip
        found: dict[str, dict[str, Any]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query):
                one = found.setdefault(row.source, {"source": row.source, "accepted": 0, "refused": 0, "repeats": 0})
                is_refused = row.status == "refused"
                one[row.status] = row.times + (row.repeats if is_refused else 0)
                one["repeats"] += 0 if is_refused else row.repeats
                one["last"] = max(one.get("last") or row.last, row.last)
        return list(found.values())

    def taken_since(self, source: str, since: datetime) -> int:
        """How many alerts of a source were accepted since an instant."""
        table = t.alerts
        mine = select(func.count()).where(
            table.c.alert_id >= id_at(since), table.c.source == source, table.c.status == "accepted"
        )
        with self._database.reading() as connection:
            return connection.scalar(mine) or 0
