"""The run registry: what comes back, by which ids it is found, and what is refused."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from workbench.errors import BadInput, UnknownName
from workbench.model import new_id
from workbench.ports import RunRecord, RunRegistry
from workbench.store import SqlRunRegistry, open_database

from .samples import EQUITY, REPORT, START, count, files, make_run, trials_of

# ---- what comes back -------------------------------------------------------------------------------------------------


def test_it_is_a_run_registry(registry: SqlRunRegistry) -> None:
    port: RunRegistry = registry
    assert port.find() == []


@pytest.mark.parametrize("passed", [None, True, False])
def test_a_run_comes_back_as_it_went_in(registry: SqlRunRegistry, passed: bool | None) -> None:
    run = make_run(passed=passed)
    registry.add(run)
    assert registry.get(run.run_id) == run
    assert registry.get(run.run_id).passed is passed


def test_a_start_in_another_zone_comes_back_as_the_same_instant_in_utc(registry: SqlRunRegistry) -> None:
    run = make_run(started_at=START.astimezone(timezone(timedelta(hours=-5, minutes=-30))))
    registry.add(run)
    back = registry.get(run.run_id).started_at
    assert back == START
    assert back.tzinfo is UTC


def test_read_only_mappings_and_tuples_are_kept_as_json_has_them(registry: SqlRunRegistry) -> None:
    run = make_run(spec=MappingProxyType({"windows": (1, (2, 3)), "inner": MappingProxyType({"a": 1})}))
    registry.add(run)
    assert registry.get(run.run_id).spec == {"windows": [1, [2, 3]], "inner": {"a": 1}}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(st.text(), JSON_VALUES, max_size=5)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
RUNS = st.builds(
    RunRecord,
    run_id=st.builds(new_id),
    kind=st.text(),
    strategy=st.text(),
    family=st.text(),
    spec=MAPPINGS,
    params=MAPPINGS,
    data=MAPPINGS,
    data_fingerprint=st.text(),
    code_fingerprint=st.text(),
    environment=st.dictionaries(st.text(), st.text(), max_size=3),
    environment_fingerprint=st.text(),
    metrics=MAPPINGS,
    started_at=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=ZONES),  # noqa: DTZ001
    seconds=st.floats(0, 1e9),
    passed=st.none() | st.booleans(),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[SqlRunRegistry]:
    with tempfile.TemporaryDirectory() as name:
        engine = open_database(f"sqlite:///{name}/research.db")
        yield SqlRunRegistry(engine, Path(name) / "artifacts")
        engine.dispose()


def exact(run: RunRecord) -> str:
    """Text that tells 1 from 1.0 and from True, and 0.0 from -0.0."""
    return repr(replace(run, started_at=run.started_at.astimezone(UTC).replace(fold=0)))


@given(run=RUNS)
@settings(max_examples=100, deadline=None)
def test_any_run_comes_back_exactly(shared: SqlRunRegistry, run: RunRecord) -> None:
    shared.add(run)
    assert exact(shared.get(run.run_id)) == exact(run)


def test_runs_are_found_newest_first_filtered_and_limited(registry: SqlRunRegistry) -> None:
    old = make_run(started_at=START - timedelta(days=1))
    new = make_run(started_at=START + timedelta(microseconds=1), kind="sweep")
    other = make_run(strategy="rsi")
    for run in (new, old, other):  # not in the order of time
        registry.add(run)
    assert registry.find() == [new, other, old]
    assert registry.find(limit=2) == [new, other]
    assert registry.find(limit=0) == []
    assert registry.find(kind="backtest") == [other, old]
    assert registry.find(strategy="ema_cross", limit=1) == [new]
    assert registry.find(kind="sweep", strategy="rsi") == []


def test_runs_of_one_instant_are_found_by_their_ids_newest_first(registry: SqlRunRegistry) -> None:
    made = [make_run() for _ in range(5)]
    for run in made:
        registry.add(run)
    assert [run.run_id for run in registry.find()] == sorted((run.run_id for run in made), reverse=True)


def test_found_runs_name_their_artifacts_however_many_there_are(registry: SqlRunRegistry) -> None:
    for _ in range(3):
        registry.add(make_run(), [EQUITY])
    for _ in range(1001):
        registry.add(make_run(started_at=START + timedelta(seconds=1)))
    found = registry.find()
    assert [run.artifacts for run in found] == [()] * 1001 + [("equity.csv",)] * 3


def test_a_limit_below_zero_is_refused(registry: SqlRunRegistry) -> None:
    with pytest.raises(BadInput, match=r"^limit -1: is below 0; leave it out for all runs$"):
        registry.find(limit=-1)


# ---- ids -------------------------------------------------------------------------------------------------------------


def test_a_beginning_of_six_characters_is_enough_when_it_fits_one_run(registry: SqlRunRegistry) -> None:
    run = make_run(run_id="01890000-0000-7000-8000-000000000001")
    registry.add(run, [EQUITY])
    registry.add(make_run(run_id="01990000-0000-7000-8000-000000000002"))
    assert registry.get("018900").run_id == run.run_id
    assert registry.get(f" {run.run_id.upper()} ").run_id == run.run_id
    assert registry.artifact("018900", "equity.csv") == EQUITY.content


def test_a_beginning_that_fits_several_runs_lists_them(registry: SqlRunRegistry) -> None:
    ids = [f"01890000-0000-7000-8000-0000000000{n:02}" for n in range(12)]
    for run_id in ids[:2]:
        registry.add(make_run(run_id=run_id))
    with pytest.raises(BadInput) as caught:
        registry.get("018900")
    assert str(caught.value) == f"run 018900: fits several runs: {ids[0]}, {ids[1]}; give more of the id"
    for run_id in ids[2:]:
        registry.add(make_run(run_id=run_id))
    with pytest.raises(BadInput, match=f"{ids[9]} and more; give more"):
        registry.get("018900")


def test_a_beginning_that_is_too_short_is_refused(registry: SqlRunRegistry) -> None:
    with pytest.raises(BadInput, match=r"^run 01890: is shorter than 6 characters; see workbench runs list$"):
        registry.get("01890")


@pytest.mark.parametrize("wanted", ["018900", "%%%%%%", "______", "01890000-0000-7000-8000-000000000009"])
def test_an_unknown_run_is_told_with_the_remedy(registry: SqlRunRegistry, wanted: str) -> None:
    with pytest.raises(UnknownName) as caught:
        registry.get(wanted)
    assert str(caught.value) == f"run {wanted}: unknown; known: none; see workbench runs list"
    registry.add(make_run(run_id="01990000-0000-7000-8000-000000000009"))
    with pytest.raises(UnknownName) as caught:
        registry.get(wanted)
    assert str(caught.value) == f"run {wanted}: unknown; known: 1 run; see workbench runs list"


@pytest.mark.parametrize("run_id", ["", "run-1", "../../../etc", "01890000-0000-7000-8000-00000000000A"])
def test_an_id_that_is_no_uuid_is_refused(registry: SqlRunRegistry, run_id: str) -> None:
    with pytest.raises(BadInput, match=r"is not a UUID in lower case; make ids with workbench\.model\.new_id"):
        registry.add(make_run(run_id=run_id))


# ---- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["spec", "params", "data", "environment", "metrics"])
def test_a_number_that_is_not_finite_is_refused_by_its_key(
    registry: SqlRunRegistry, engine: Engine, field: str, bad: float
) -> None:
    run = make_run(**{field: {"ok": 1, "windows": [{"sharpe": 0.5}, {"sharpe": bad}]}})
    with pytest.raises(BadInput, match=rf"^{field}\.windows\[1\]\.sharpe {bad}: is not finite; "):
        registry.add(run, [EQUITY])
    assert count(engine)["runs"] == 0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": {1: "x"}}, r"^params\.a 1: is a key of type int; use text as keys$"),
        ({"a": Decimal("1.5")}, r"^params\.a .*: is of type Decimal, which JSON does not have; "),
        ({"a": [START]}, r"^params\.a\[0\] .*: is of type datetime, which JSON does not have; "),
    ],
)
def test_what_json_does_not_have_is_refused_by_its_key(
    registry: SqlRunRegistry, value: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        registry.add(make_run(params=value))


def test_a_start_without_a_zone_is_refused(registry: SqlRunRegistry) -> None:
    with pytest.raises(BadInput, match=r"^started_at 2024-03-01T12:30:00\.123456: has no time zone"):
        registry.add(make_run(started_at=START.replace(tzinfo=None)))


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -0.1])
def test_seconds_that_cannot_be_are_refused(registry: SqlRunRegistry, seconds: float) -> None:
    with pytest.raises(BadInput, match=r"^seconds .*: must be finite and not below 0$"):
        registry.add(make_run(seconds=seconds))


def test_a_run_is_kept_once_and_never_changed(registry: SqlRunRegistry, engine: Engine, folder: Path) -> None:
    run = make_run()
    registry.add(run, [EQUITY], trials_of(run, "p1"))
    with pytest.raises(BadInput, match=f"^run {run.run_id}: is kept already; give a new run its own id$"):
        registry.add(replace(run, kind="sweep"), [replace(EQUITY, content=b"other"), REPORT], trials_of(run, "p2"))
    assert registry.get(run.run_id) == replace(run, artifacts=("equity.csv",))
    assert registry.artifact(run.run_id, "equity.csv") == EQUITY.content
    assert files(folder) == ["equity.csv"]
    assert count(engine) == {"runs": 1, "artifacts": 1, "trials": 1, "search_log": 0}
