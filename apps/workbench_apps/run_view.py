"""A run looked at: its figures, equity, prices with trades, and proofs; and several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from bokeh.models.widgets.tables import NumberFormatter

from workbench.bootstrap import Workbench
from workbench.ports import RunRecord
from workbench_apps import charts, parts, records
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.theme import NONE, amount, clock, escape, number, params_text, percent

if TYPE_CHECKING:
    from workbench_apps.page import Page

_UNIT = "account currency"
"""A record does not say its currency; the prices do, once they are loaded."""


class RunView:
    """One run, in tabs; prices are loaded when their tab is opened."""

    def __init__(self, page: Page, run: RunRecord) -> None:
        self._page, self._run = page, run
        self._curve = ui.Column(parts.html(parts.loading("equity")), sizing_mode="stretch_width", margin=0)
        self._prices = ui.Column(parts.html(parts.loading("prices")), sizing_mode="stretch_width", margin=0)
        self._trades = ui.Column(parts.html(parts.loading("trades")), sizing_mode="stretch_width", margin=0)
        self._proofs = ui.Column(parts.html(parts.loading("proofs")), sizing_mode="stretch_width", margin=0)
        self._figures = parts.html(parts.tiles(_headline(run, "")))
        curved = run.kind in records.CURVED
        tabs = (
            [("Equity", self._curve), ("Prices and trades", self._prices), ("Trades", self._trades)] if curved else []
        )
        self._tabs = ui.Tabs(
            *tabs, ("Proofs", self._proofs), ("How it was made", parts.html(_made(run))), sizing_mode="stretch_width",
            margin=(8, 0),
        )  # fmt: skip
        self._tabs.param.watch(lambda _: self._opened(), "active")
        self._loaded = False
        title = f"{run.kind} of {run.strategy}, {records.symbols_of(run)}"
        self.layout = ui.Column(
            parts.heading(title, f"{clock(run.started_at)} · {params_text(run.params)} · run {run.run_id}"),
            self._figures, self._tabs, sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def start(self) -> None:
        """Read what is kept with the run."""
        bench, run = self._page.bench, self._run
        if run.kind in records.CURVED:
            self._page.work(
                "detail", lambda: (records.equity_of(bench, run), records.result_of(bench, run)), self._kept,
                busy=self._curve, failed=self._not_kept,
            )  # fmt: skip
        self._page.work("proof", lambda: records.proof_of(bench, run), self._proved)

    def _kept(self, found: tuple[pd.Series, Mapping[str, Any]]) -> None:
        equity, result = found
        figures = charts.equity_charts(equity, records.drawdown(self._run, equity), _UNIT)
        self._curve[:] = [ui.pane.Bokeh(f, sizing_mode="stretch_width") for f in figures]
        self._trades[:] = [_trades_table(result["trades"])]
        if notes := result.get("notes"):
            self._curve.append(parts.html(parts.alert("muted", "To know:", "", notes)))

    def _not_kept(self, error: BaseException) -> None:
        for place in (self._curve, self._trades):
            place[:] = [parts.html(error_html(error))]

    def _proved(self, proof: RunRecord | None) -> None:
        if proof is None:
            data = self._run.spec.get("data", "")
            told = "No proof of this code with these parameters on these prices."
            self._proofs[:] = [parts.html(parts.empty(told, f"workbench prove {self._run.strategy} --data {data}"))]
            return
        rows = [(escape(name), parts.verdict(ok), escape(str(why))) for name, ok, why in records.proof_rows(proof)]
        said = f'<p>{parts.verdict(proof.passed)} <span class="muted small">proved {clock(proof.started_at)}</span></p>'
        self._proofs[:] = [parts.html(said + parts.table(("Proof", "Answer", "Why"), rows))]

    # ---- prices ------------------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        bench, run = self._page.bench, self._run
        if self._loaded or self._tabs.objects[self._tabs.active] is not self._prices:
            return
        self._loaded = True
        self._page.work(
            "prices", lambda: (records.prices_of(bench, run), records.result_of(bench, run)["trades"]), self._priced,
            busy=self._prices, failed=self._not_priced,
        )  # fmt: skip

    def _priced(self, found: tuple[Any, Any]) -> None:
        histories, trades = found
        self._prices[:] = [
            ui.pane.Bokeh(charts.price_chart(history, trades), sizing_mode="stretch_width") for history in histories
        ]
        currency = histories[0].instrument.currency
        self._figures.object = parts.tiles(_headline(self._run, currency))
        for pane in self._curve.objects[:1]:
            pane.object.yaxis.axis_label = f"equity ({currency})"

    def _not_priced(self, error: BaseException) -> None:
        self._loaded = False
        self._prices[:] = [parts.html(error_html(error))]


def comparison(bench: Workbench, runs: Sequence[RunRecord]) -> list[Any]:
    """Runs side by side: their figures, and those equities that were kept, each from 100."""
    names = {run.run_id: f"{run.strategy} {records.symbols_of(run)} · {run.kind} …{run.run_id[-6:]}" for run in runs}
    curves = {names[run.run_id]: records.equity_of(bench, run) for run in runs if run.kind in records.CURVED}
    headlines = [dict(_headline(run, "")) for run in runs]
    titles = list(dict.fromkeys(title for headline in headlines for title in headline))
    rows = [
        [f"<b>{escape(title)}</b>", *(escape(headline.get(title, NONE)) for headline in headlines)] for title in titles
    ]
    params = ["<b>Parameters</b>", *(escape(params_text(run.params)) for run in runs)]
    shown: list[Any] = [
        parts.heading(f"{len(runs)} runs compared", "Figures of different spans or prices do not compare directly."),
        parts.html(parts.table(("", *names.values()), [params, *rows])),
    ]
    if curves:
        shown.append(ui.pane.Bokeh(charts.comparison_chart(curves), sizing_mode="stretch_width"))
    return shown


def _headline(run: RunRecord, currency: str) -> list[tuple[str, str]]:
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
        shown += [("Windows", number(m.get("windows"), 0)), ("Efficiency", percent(m.get("efficiency"), 1))]
    return shown


def _made(run: RunRecord) -> str:
    """What it takes to make the run again."""
    spec, data = dict(run.spec), run.data
    pairs = [("Run", run.run_id), ("Data", str(spec.pop("data", NONE)))]
    pairs += [
        ("Span", f"{clock(data.get('start'))} to {clock(data.get('end'))}"),
        ("Bars", number(data.get("bars"), 0)),
    ]
    pairs += [("Calendar", str(data.get("calendar", NONE))), ("Parameters", params_text(spec.pop("params", {})))]
    pairs += [(name.capitalize(), params_text(v) if isinstance(v, dict) else str(v)) for name, v in spec.items()]
    pairs += [("Code", run.code_fingerprint), ("Prices", run.data_fingerprint), ("Took", f"{run.seconds:,.2f} s")]
    pairs += [("Environment", params_text(run.environment))]
    return f"{parts.facts(pairs)}<p>Again: <code>workbench runs rerun {escape(run.run_id)}</code></p>"


def _trades_table(trades: Sequence[Mapping[str, Any]]) -> Any:
    """Every round trip of a run."""
    if not trades:
        return parts.html(parts.empty("No trades."))
    titles = {
        "symbol": "Symbol", "direction": "Direction", "entry_time": "Entry (UTC)", "entry_price": "Entry price",
        "exit_time": "Exit (UTC)", "exit_price": "Exit price", "raw_size": "Size", "pnl": "Profit", "return": "Return",
        "fees": "Fees", "exit_cause": "Exit by",
    }  # fmt: skip
    frame = pd.DataFrame(list(trades))[list(titles)]
    for name in ("entry_time", "exit_time"):
        frame[name] = [clock(t, zone=False) for t in frame[name]]
    frame["exit_cause"] = frame["exit_cause"].fillna("still open")
    price = NumberFormatter(format="0,0.00[00]", nan_format=NONE)
    money, share = NumberFormatter(format="0,0.00"), NumberFormatter(format="+0,0.00 %")
    return parts.grid_of(
        frame, titles, height=parts.height_for(len(frame), 400, filters=True),
        formatters={"entry_price": price, "exit_price": price, "raw_size": NumberFormatter(format="0,0.[00]"),
                    "pnl": money, "fees": money, "return": share},
        text_align=dict.fromkeys(("entry_price", "exit_price", "raw_size", "pnl", "return", "fees"), "right"),
        header_filters={"symbol": True, "direction": True},
    )  # fmt: skip
