"""Stages on file: where each strategy stands, and every attempt to move it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select, update

from workbench.model import Stage
from workbench.ports import Figure, GateAnswer, StageEvent, Standing, Version
from workbench.store import trading_tables as t
from workbench.store.json_value import json_value
from workbench.store.trading import TradingDatabase


class SqlStageBook:
    """Implements `workbench.ports.StageBook` in the trading database; only `workbench.promotion` writes here."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    def get(self, strategy: str) -> Standing | None:
        with self._database.reading() as connection:
            row = connection.execute(select(t.stages).where(t.stages.c.strategy == strategy)).one_or_none()
        return None if row is None else _standing(row)

    def all(self) -> Sequence[Standing]:
        with self._database.reading() as connection:
            return [_standing(row) for row in connection.execute(select(t.stages).order_by(t.stages.c.strategy))]

    def record(self, event: StageEvent, standing: Standing | None, expected: Standing | None) -> bool:
        with self._database.transaction() as connection:
            if self.get(event.strategy) != expected:
                return False
            connection.execute(t.stage_events.insert(), _event_row(event))
            if standing is None:
                return True
            row = {
                "stage": standing.stage.value,
                "paused_from": standing.paused_from and standing.paused_from.value,
                "version": _version_doc(standing.version),
                "account": standing.account,
                "since": standing.since,
            }
            if expected is None:
                connection.execute(t.stages.insert().values(strategy=standing.strategy, **row))
            else:
                connection.execute(update(t.stages).where(t.stages.c.strategy == standing.strategy).values(**row))
            return True

    def events(self, strategy: str | None = None) -> Sequence[StageEvent]:
        query = select(t.stage_events).order_by(t.stage_events.c.seq)
        if strategy is not None:
            query = query.where(t.stage_events.c.strategy == strategy)
        with self._database.reading() as connection:
            return [_event(row) for row in connection.execute(query)]


def _version_doc(version: Version) -> dict[str, Any]:
    doc: dict[str, Any] = json_value("version", asdict(version))
    return doc


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        strategy=row.strategy,
        stage=Stage(row.stage),
        version=Version(**row.version),
        account=row.account,
        since=row.since,
        paused_from=Stage(row.paused_from) if row.paused_from else None,
    )


def _event_row(event: StageEvent) -> dict[str, Any]:
    return {
        "strategy": event.strategy,
        "before": event.before.value,
        "after": event.after.value,
        "accepted": event.accepted,
        "at": event.at,
        "by": event.by,
        "reason": event.reason,
        "run_id": event.run_id,
        "version": _version_doc(event.version),
        "answers": [json_value("answer", asdict(answer)) for answer in event.answers],
    }


def _event(row: Row[Any]) -> StageEvent:
    return StageEvent(
        strategy=row.strategy,
        before=Stage(row.before),
        after=Stage(row.after),
        accepted=row.accepted,
        at=row.at,
        by=row.by,
        reason=row.reason,
        run_id=row.run_id,
        version=Version(**row.version),
        answers=tuple(_answer(doc) for doc in row.answers),
    )


def _answer(doc: Mapping[str, Any]) -> GateAnswer:
    figures = tuple(Figure(**figure) for figure in doc["figures"])
    return GateAnswer(doc["gate"], doc["passed"], doc["reason"], figures, doc["run_id"])
