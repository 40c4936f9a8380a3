"""Commands that list what there is: plugins, strategies."""

from __future__ import annotations

import argparse
from typing import Any

from workbench.bootstrap import Workbench
from workbench.cli.output import print_json, say, table


def plugins(options: argparse.Namespace, bench: Workbench) -> int:
    """Every plugin (kind "plugin") and, for those loaded, each thing it provides."""
    rows: list[dict[str, Any]] = []
    for status in bench.plugins.statuses:
        same = {
            "distribution": status.distribution,
            "version": status.version,
            "status": status.status,
            "plugin": status.name,
        }
        rows.append({"name": status.name, "kind": "plugin", **same, "error": status.error, "summary": ""})
        rows += [{"name": r.name, "kind": r.kind, **same, "error": None, "summary": r.summary} for r in status.records]
    if options.json:
        print_json(rows)
        return 0
    parts = [r for r in rows if r["kind"] != "plugin" or r["status"] != "loaded"]
    table(
        ("name", "kind", "from", "status", "what it is"),
        [
            (r["name"], r["kind"], f"{r['distribution']} {r['version']}", r["status"], str(r["error"] or r["summary"]))
            for r in parts
        ],
    )
    failed = [s.name for s in bench.plugins.statuses if s.status == "failed"]
    if failed:
        say(f"\n{len(failed)} failed to load: {', '.join(failed)}. The rest works.")
    return 0


def strategies(options: argparse.Namespace, bench: Workbench) -> int:
    """Registered strategies with their parameters, bounds and what each parameter does."""
    found: list[dict[str, Any]] = []
    for record in bench.plugins.records("strategy"):
        declared = bench.strategy(record.name).strategy.declared()
        params = [
            {"name": name, "type": p.type.__name__, "default": p.default, "low": p.low, "high": p.high, "doc": p.doc}
            for name, p in declared.items()
        ]
        found.append({"name": record.name, "summary": record.summary, "params": params})
    if options.json:
        print_json(found)
        return 0
    for strategy in found:
        say(f"{strategy['name']}: {strategy['summary']}")
        for p in strategy["params"]:
            bounds = "" if p["low"] is None and p["high"] is None else f", {p['low']} to {p['high']}"
            say(f"    {p['name']} = {p['default']} ({p['type']}{bounds})  {p['doc']}")
    return 0
