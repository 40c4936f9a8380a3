"""Headline: the figures of a run that everybody looks at first, by its kind, and what it takes to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.ports import RunRecord
from workbench.research.sweep_plots import PERCENT
from workbench_apps import parts, records
from workbench_apps.cross_view import cross_headline
from workbench_apps.luck_figures import tiles_of
from workbench_apps.theme import NONE, amount, clock, escape, number, params_text, percent

Pairs = list[tuple[str, str]]


def headline(run: RunRecord, currency: str) -> Pairs:
    """The figures everybody looks at first, as a run of its kind has them."""
    m = run.metrics
    if run.kind == "proof":
        rows = [(name, "passed" if ok else "failed") for name, ok, _ in records.proof_rows(run)]
        return [
            ("Proofs", "passed" if run.passed else "failed"),
            *rows,
            ("Bars", number(m["lookahead"].get("bars"), 0)),
        ]
    if run.kind == "replay":
        return [
            ("End equity", amount(m.get("end_equity"), currency)), ("Signals", number(m.get("signals"), 0)),
            ("Orders", number(m.get("orders"), 0)), ("Fills", number(m.get("fills"), 0)),
            ("Fees", amount(m.get("fees"), currency)), ("Bars", number(m.get("bars"), 0)),
        ]  # fmt: skip
    if run.kind == "sweep":
        return _of_sweep(m)
    if run.kind == "overfit":
        return tiles_of(m)
    if run.kind == "crossvalidation":
        return cross_headline(m)
    if run.kind == "trials":
        return [("Sets that were counted", number(m.get("sets"), 0))]
    shown = [
        ("Return", percent(m.get("total_return"), sign=True)),
        ("Return a year", percent(m.get("annual_return"), sign=True)),
        ("Sharpe", number(m.get("sharpe"))),
        ("Maximum drawdown", percent(m.get("max_drawdown"))),
        ("Volatility a year", percent(m.get("volatility"))),
        ("Trades", number(m.get("trades"), 0)),
        ("Trades won", percent(m.get("win_rate"), 1)),
        ("Profit factor", number(m.get("profit_factor"))),
        ("Time in the market", percent(m.get("exposure"), 1)),
        ("Fees", amount(m.get("fees"), currency)),
        ("End equity", amount(m.get("end_equity"), currency)),
    ]
    if run.kind == "walkforward":
        shown += _of_walk(run)
    return shown


def _of_sweep(m: Mapping[str, Any]) -> Pairs:
    best, metric = m.get("best") or {}, str(m.get("metric", "sharpe"))
    value = best.get(metric)
    shown = percent(value) if metric in PERCENT else number(value)
    pairs = [
        ("Sets", number(m.get("sets"), 0)),
        (f"Best {metric.replace('_', ' ')}", shown),
        ("Its return", percent(best.get("total_return"), sign=True)),
        ("Its maximum drawdown", percent(best.get("max_drawdown"))),
        ("Its trades", number(best.get("trades"), 0)),
        ("Left out, failed", f"{number(m.get('left_out'), 0)}, {number(m.get('failed'), 0)}"),
    ]
    return [*pairs, ("Ended", "cancelled")] if m.get("cancelled") else pairs


def _of_walk(run: RunRecord) -> Pairs:
    m, luck = run.metrics, run.metrics.get("overfit") or {}
    metric = str(run.spec.get("metric", "sharpe")).replace("_", " ")
    return [
        ("Windows", number(m.get("windows"), 0)),
        ("Efficiency", percent(m.get("efficiency"), 1)),
        (f"Degradation of {metric}", number(m.get("degradation"), 2)),
        ("Truly above 0 (PSR)", percent(luck.get("psr"), 1)),
        ("Beats luck of all trials (DSR)", percent(luck.get("dsr"), 1)),
        ("Overfitting (PBO)", percent(luck.get("pbo"), 1)),
    ]


def made_html(run: RunRecord) -> str:
    """What it takes to make the run again."""
    spec, data = dict(run.spec), run.data
    pairs = [("Run", run.run_id), ("Data", str(spec.pop("data", NONE)))]
    pairs += [
        ("Span", f"{clock(data.get('start'))} to {clock(data.get('end'))}"),
        ("Bars", number(data.get("bars"), 0)),
    ]
    pairs += [("Calendar", str(data.get("calendar", NONE))), ("Parameters", params_text(spec.pop("params", {})))]
    pairs += [(name.capitalize(), _told(value)) for name, value in spec.items()]
    pairs += [("Code", run.code_fingerprint), ("Prices", run.data_fingerprint), ("Took", f"{run.seconds:,.2f} s")]
    pairs += [("Environment", params_text(run.environment))]
    return f"{parts.facts(pairs)}<p>Again: <code>workbench runs rerun {escape(run.run_id)}</code></p>"


def _told(value: Any) -> str:
    """One entry of a spec in a line; a long axis by its ends."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_told(part)}" for name, part in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        shown = [str(part) for part in value]
        return f"{shown[0]} … {shown[-1]} ({len(shown)})" if len(shown) > 12 else ", ".join(shown) or "none"
    return str(value)
