"""`workbench realism RUN`: a recorded run replayed under one setting of realism more each time, and what each costs."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput
from workbench_plugins.paper_broker import PaperBroker
from workbench_plugins.paper_realism import NAMES, WHOLE, Realism, read_settings
from workbench_plugins.paper_report import Filled, realism_report

if TYPE_CHECKING:
    from workbench import Workbench

STEPS = ("spread_bps=4", "latency_bars=1", "volume_share=0.1", "impact=0.5")
"""What is added where nothing is asked for: a spread of 4 basis points, a bar late, a tenth of the volume, impact."""


def realism(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Any], int]:
    """Add the options; the command prints a table or, with --json, one document."""
    parser.add_argument("run", help="id of a recorded run, or the beginning of it")
    parser.add_argument(
        "--add", action="append", metavar="SETTINGS", default=[],
        help=f"settings added in this step, again for the next (default: {', '.join(STEPS)})",
    )  # fmt: skip
    parser.add_argument("--last-days", type=int, metavar="N", help="only the last days")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return _answer


def what_it_costs(
    bench: "Workbench",
    run: str,
    steps: Mapping[str, Mapping[str, object]] | None = None,
    *,
    last_days: int | None = None,
) -> list[dict[str, Any]]:
    """What each step of realism costs a recorded run, on top of those before it, and at the end all together.

    `steps` are settings by the name of their row. A row has the fields of `CostRow`, `end_equity` and the change of it.
    Raises BadInput for a run or a setting that cannot be meant.
    """
    ends: list[float] = []

    def fills(settings: Realism) -> list[Filled]:
        made = bench.replay(
            run, record=False, last_days=last_days, broker=lambda costs: PaperBroker(costs=costs, realism=settings)
        )
        ends.append(float(made.summary()["end_equity"]))
        return list(made.repository.fills())

    rows = realism_report(fills, steps or _steps(STEPS))
    before, now = [*ends[:-1], ends[0]], [*ends[1:], ends[-1]]
    return [asdict(row) | {"end_equity": b, "more_equity": b - a} for row, a, b in zip(rows, before, now, strict=True)]


def _steps(texts: tuple[str, ...] | list[str]) -> dict[str, Mapping[str, object]]:
    found: dict[str, Mapping[str, object]] = {}
    for text in texts:
        Realism.of(text)  # a bad setting is said before anything is replayed
        found[text] = read_settings("realism", text, NAMES, WHOLE)
    if len(found) < len(texts):
        raise BadInput("--add", ", ".join(texts), "says the same twice")
    return found


def _answer(options: argparse.Namespace, bench: Any) -> int:
    rows = what_it_costs(bench, options.run, _steps(options.add or list(STEPS)), last_days=options.last_days)
    if options.json:
        told = [{k: f"{v:f}" if isinstance(v, Decimal) else v for k, v in row.items()} for row in rows]
        sys.stdout.write(json.dumps({"run": options.run, "rows": told}, indent=2) + "\n")
        return 0
    head = ("on top", "fills", "more", "buys worse, bp", "sells worse, bp", "fees", "end equity", "change")
    lines = [head, *(_line(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for first, *rest in lines:
        numbers = (text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))
        sys.stdout.write("  ".join([first.ljust(widths[0]), *numbers]) + "\n")
    sys.stdout.write("Each against the row above, the last against none of it; in the currency of the prices.\n")
    return 0


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    worse = ("–" if row[name] is None else f"{row[name]:.2f}" for name in ("buy_bps", "sell_bps"))
    money = (f"{row['fees']:+,.2f}", f"{row['end_equity']:,.2f}", f"{row['more_equity']:+,.2f}")
    return (row["name"], str(row["fills"]), f"{row['more_fills']:+}", *worse, *money)
