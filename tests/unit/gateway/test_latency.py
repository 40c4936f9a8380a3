"""Latency percentiles, and the gateway's public names."""

from __future__ import annotations

import workbench.gateway
from workbench.gateway import Latency, Stages


def test_percentiles_are_durations_that_were_seen_in_milliseconds() -> None:
    latency = Latency()
    for ms in range(1, 101):
        latency.note("wait", ms / 1000)
    assert latency.table() == {"wait": {"p50": 50.0, "p95": 95.0, "p99": 99.0}}
    latency.note("one", 0.002)
    assert latency.table()["one"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0}


def test_only_the_last_ones_count() -> None:
    latency = Latency(3)
    for seconds in (9, 9, 9, 1, 1, 1):
        latency.note("wait", seconds)
    assert latency.table()["wait"]["p99"] == 1000.0


def test_the_stages_of_an_answer_are_noted_apart() -> None:
    latency = Latency()
    latency.note_stages("order", Stages(0.001, 0.002, 0.003, 0.004))
    table = latency.table()
    assert {stage: row["p50"] for stage, row in table.items()} == {
        "order connect": 1.0, "order send": 2.0, "order wait": 3.0, "order read": 4.0, "order total": 10.0,
    }  # fmt: skip
    assert Latency().table() == {}


def test_the_public_names_are_these() -> None:
    assert workbench.gateway.__all__ == ["Answer", "Http", "Latency", "Limit", "Lost", "RateBudget", "Stages"]
