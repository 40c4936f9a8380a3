"""A run looked at: its figures, equity, prices with trades, and proofs; and several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from bokeh.models.widgets.tables import NumberFormatter

from workbench.bootstrap import Workbench
from workbench.ports import RunRecord
from workbench_apps import charts, parts, records
from workbench_apps.cross_view import CrossView
from workbench_apps.headline import headline, made_html
from workbench_apps.luck_view import JUDGED, LuckView, RecordedLuck
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.sweep_view import SweepView
from workbench_apps.tabs import LazyTabs, Tab
from workbench_apps.theme import NONE, clock, escape, params_text
from workbench_apps.walk_view import windows_layout

if TYPE_CHECKING:
    from workbench_apps.research import ResearchPage

_UNIT = "account currency"
"""A record does not say its currency; the prices do, once they are loaded."""


class RunView:
    """One run, in tabs; what is behind a tab is read when it is opened."""

    def __init__(self, page: ResearchPage, run: RunRecord, place: str = "detail") -> None:
        self._page, self._run, self._place = page, run, place
        self._curve, self._prices, self._trades, self._windows, self._proofs = (
            ui.Column(parts.html(parts.loading(what)), sizing_mode="stretch_width", margin=0)
            for what in ("equity", "prices", "trades", "windows", "proofs")
        )
        self._figures = parts.html(parts.tiles(headline(run, "")))
        self._result: Mapping[str, Any] | None = None
        self.luck = LuckView(page, run, place) if run.kind in JUDGED else None
        self._tabs = LazyTabs(*self._tabs_of_kind(), Tab("How it was made", parts.html(made_html(run))))
        title = f"{run.kind} of {run.strategy}, {records.symbols_of(run)}"
        best = "best set: " if run.kind == "sweep" and run.metrics.get("best") else ""
        note = f"{clock(run.started_at)} · {best}{params_text(records.params_of(run))} · run {run.run_id}"
        self.layout = ui.Column(
            parts.heading(title, note), self._figures, self._tabs.layout, sizing_mode="stretch_width", margin=0,
            css_classes=["run-view"],
        )  # fmt: skip

    def start(self) -> None:
        """Read what is kept with the run."""
        if self.luck is not None:
            self.luck.busy(self._page.jobs.running)
        self._tabs.start()

    def _tabs_of_kind(self) -> list[Tab]:
        page, run, place = self._page, self._run, self._place
        luck = [self.luck.tab()] if self.luck is not None else []
        if run.kind == "sweep":
            return [*SweepView(page, run, place).tabs(), *luck]
        if run.kind == "overfit":
            return [RecordedLuck(page, run, place).tab()]
        if run.kind == "crossvalidation":
            return [CrossView(page, run, place).tab()]
        if run.kind == "trials":
            return [Tab("Trials", parts.html(trials_html(run)))]
        proofs = Tab("Proofs", self._proofs, self._read_proof)
        if run.kind not in records.CURVED:
            return [proofs]
        windows = [Tab("Windows", self._windows, self._show_windows)] if run.kind == "walkforward" else []
        return [
            Tab("Equity", self._curve, self._read_curve), *windows,
            Tab("Prices and trades", self._prices, self._read_prices),
            Tab("Trades", self._trades, self._show_trades), *luck, proofs,
        ]  # fmt: skip

    # ---- equity, trades, windows -------------------------------------------------------------------------------------

    def _read_curve(self) -> None:
        bench, run = self._page.bench, self._run
        self._page.work(
            self._place, lambda: (records.equity_of(bench, run), records.result_of(bench, run)), self._kept,
            busy=self._curve, failed=self._not_kept,
        )  # fmt: skip

    def _kept(self, found: tuple[pd.Series, Mapping[str, Any]]) -> None:
        equity, result = found
        figures = charts.equity_charts(equity, records.drawdown(self._run, equity), _UNIT)
        self._curve[:] = [ui.pane.Bokeh(f, sizing_mode="stretch_width") for f in figures]
        self._result = result
        self._tabs.start()
        if notes := result.get("notes"):
            self._curve.append(parts.html(parts.alert("muted", "To know:", "", notes)))

    def _show_trades(self) -> None:
        if self._result is None:
            self._tabs.forget(self._trades)
        else:
            self._trades[:] = [_trades_table(self._result["trades"])]

    def _show_windows(self) -> None:
        if self._result is None:
            self._tabs.forget(self._windows)
        else:
            self._windows[:] = windows_layout(self._run, self._result["windows"])

    def _not_kept(self, error: BaseException) -> None:
        for place in (self._curve, self._trades, self._windows):
            place[:] = [parts.html(error_html(error))]

    # ---- proofs ------------------------------------------------------------------------------------------------------

    def _read_proof(self) -> None:
        bench, run = self._page.bench, self._run
        self._page.work(f"{self._place} proof", lambda: records.proof_of(bench, run), self._proved)

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

    def _read_prices(self) -> None:
        bench, run = self._page.bench, self._run
        self._page.work(
            f"{self._place} prices",
            lambda: (records.prices_of(bench, run), records.result_of(bench, run)["trades"]), self._priced,
            busy=self._prices, failed=self._not_priced,
        )  # fmt: skip

    def _priced(self, found: tuple[Any, Any]) -> None:
        histories, trades = found
        self._prices[:] = [
            ui.pane.Bokeh(charts.price_chart(history, trades), sizing_mode="stretch_width") for history in histories
        ]
        currency = histories[0].instrument.currency
        self._figures.object = parts.tiles(headline(self._run, currency))
        for pane in self._curve.objects[:1]:
            pane.object.yaxis.axis_label = f"equity ({currency})"

    def _not_priced(self, error: BaseException) -> None:
        self._tabs.forget(self._prices)
        self._prices[:] = [parts.html(error_html(error))]


def trials_html(run: RunRecord) -> str:
    """What a run that only counts trials says."""
    count = int(run.metrics.get("sets", 0))
    told = f"{count:,} parameter sets were tried and not kept. They count as trials of {run.strategy} all the same."
    return f'<p class="wrap">{escape(told)}</p>'


def comparison(bench: Workbench, runs: Sequence[RunRecord]) -> list[Any]:
    """Runs side by side: their figures, and those equities that were kept, each from 100."""
    names = {run.run_id: f"{run.strategy} {records.symbols_of(run)} · {run.kind} …{run.run_id[-6:]}" for run in runs}
    curves = {names[run.run_id]: records.equity_of(bench, run) for run in runs if run.kind in records.CURVED}
    headlines = [dict(headline(run, "")) for run in runs]
    titles = list(dict.fromkeys(title for headline in headlines for title in headline))
    rows = [
        [f"<b>{escape(title)}</b>", *(escape(headline.get(title, NONE)) for headline in headlines)] for title in titles
    ]
    params = ["<b>Parameters</b>", *(escape(params_text(records.params_of(run))) for run in runs)]
    shown: list[Any] = [
        parts.heading(f"{len(runs)} runs compared", "Figures of different spans or prices do not compare directly."),
        parts.html(parts.table(("", *names.values()), [params, *rows])),
    ]
    if curves:
        shown.append(ui.pane.Bokeh(charts.comparison_chart(curves), sizing_mode="stretch_width"))
    return shown


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
