"""The search form: what a sweep or a walk-forward needs, with usual answers filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.bootstrap import Workbench
from workbench.research import CHOOSABLE, DEFAULTS
from workbench_apps import parts
from workbench_apps.confirm import text_of
from workbench_apps.fields import FORM, area, line, note, select, title
from workbench_apps.parts import ui
from workbench_apps.search_asked import SWEEP, WALK, SearchAsked, lines_of, options_of, pairs_of, whole
from workbench_apps.theme import escape

_SEARCHES = {
    "every combination (grid)": "grid", "random draws": "random", "draws spread evenly (lhs)": "lhs",
    "learning from what it saw (bayes)": "bayes",
}  # fmt: skip
_FIRST = ("ema_cross", "sample:AAPL")
_NO_MODEL = "none: the fees in basis points"
_AXES_HELP = (
    "<code>fast=4:20:4</code> from 4 to 20 in steps of 4 · <code>fast=4,8,12</code> these · <code>fast=auto</code> its "
    "default ± 30 % · <code>auto</code> alone every number ± 30 %"
)


@dataclass(frozen=True)
class Offer:
    """What there is to choose from: strategies with what is told of each, cost models and data sources."""

    strategies: Mapping[str, str]
    costs: Mapping[str, str]
    sources: Sequence[str]


def offer(bench: Workbench) -> Offer:
    """Ask the plugins."""
    return Offer(
        {record.name: _told(bench, record.name, record.summary) for record in bench.plugins.records("strategy")},
        {record.name: record.summary for record in bench.plugins.records("cost_model")},
        [record.name for record in bench.plugins.records("data_source")],
    )


class SearchForm:
    """The widgets, and what was asked with them."""

    def __init__(self, offered: Offer) -> None:
        self._offered = offered
        self.kind = ui.widgets.RadioButtonGroup(
            name="Kind of search", options={"Sweep": SWEEP, "Walk-forward": WALK}, value=SWEEP, button_type="primary",
            button_style="outline", margin=(2, 8, 4, 0), width=240,
        )  # fmt: skip
        self._about, self._strategy_told = parts.html(margin=0), parts.html(margin=0)
        names = list(offered.strategies)
        first = _FIRST[0] if _FIRST[0] in names else next(iter(names), None)
        self._strategy = select("Strategy", names, 200, value=first)
        self._data = line("Prices (SOURCE:SYMBOL)", _FIRST[1], 210, f"sources: {', '.join(offered.sources)}")
        self._start, self._end = (line(f"{side} (day)", "", 120, "all there is") for side in ("From", "To"))
        self._axes = area("Values to try, one parameter a line", "auto", "as fast=4:20:4")
        self._rules = area("What must hold, one rule a line", "", "as slow >= 2 * fast")
        self._fixed = area("Parameters that stay fixed, one a line", "", "as shorts=true")
        self._search = select("Which sets", _SEARCHES, 250)
        self._trials = line("Sets to try (count)", "100", 140, "100")
        self._seed = line("Seed of the draws", "0", 130, "0")
        self._train, self._test = line("Train", "3y", 110, "3y"), line("Test", "1y", 110, "1y")
        self._purge = line("Left out between: purge (bars)", "0", 210, "0")
        self._anchored = ui.widgets.Checkbox(name="every train starts at the first bar", margin=(0, 8, 12, 0))
        self._spans_help = note("Lengths in bars as 250, or 90d, 12w, 6m, 2y. The best of each train trades the test "
                                 "after it.")  # fmt: skip
        metrics = {name.replace("_", " "): name for name in CHOOSABLE}
        self._metric = select("Best by (more is better)", metrics, 180, value="sharpe")
        self._fees = line("Fees (basis points)", DEFAULTS["fees"], 150, "0")
        self._slippage = line("Slippage (basis points)", DEFAULTS["slippage"], 170, "or volatility:10")
        self._costs = select("Cost model", {_NO_MODEL: ""} | {name: name for name in offered.costs}, 230)
        self._costs_set = line("Its settings", "", 200, "as maker=2,taker=5")
        self._fill_at = select("Orders fill at", {
            "as the strategy says": "", "the next bar's open": "open", "the signal bar's close": "close",
        }, 190)  # fmt: skip
        self._more = area("Further options, one a line", "", "as size=percent:50, stop=5, cash=50000")
        self._costs_told = parts.html(margin=0)
        self._sweep_row = _row(self._search, self._trials, self._seed)
        self._walk_row = _row(self._train, self._test, self._purge, self._anchored)
        self.layout = ui.Column(
            self.kind, self._about,
            _row(self._strategy, self._data, self._start, self._end), self._strategy_told,
            title("What is tried"),
            parts.flow(self._axes, self._rules, self._fixed, gap="0 4px"), note(_AXES_HELP),
            parts.flow(self._sweep_row, self._walk_row, self._metric, gap="0", align_items="flex-end"),
            self._spans_help,
            title("What trading costs, and when it happens"),
            _row(self._fees, self._slippage, self._costs, self._costs_set, self._fill_at), self._costs_told,
            parts.flow(self._more, gap="0"),
            styles=FORM, sizing_mode="stretch_width", margin=(4, 0), css_classes=["search-form"],
        )  # fmt: skip
        for widget in (self.kind, self._strategy, self._search, self._costs):
            widget.param.watch(lambda _: self._chosen(), "value")
        self._chosen()

    def _chosen(self) -> None:
        """Show what the choices ask for; what is typed stays where it is."""
        walks, draws = self.kind.value == WALK, self._search.value != "grid"
        self._about.object = _note_html(
            "Search again and again on a train, trade the next test with what was best there: what comes of it was "
            "not known when it was chosen."
            if walks
            else "One strategy at many parameter sets over all prices. Each set counts as a trial: the more are tried, "
            "the better the best looks by luck alone."
        )
        self._sweep_row.visible, self._walk_row.visible, self._spans_help.visible = not walks, walks, walks
        self._trials.visible = self._seed.visible = draws
        self._strategy_told.object = self._offered.strategies.get(self._strategy.value or "", "")
        model = self._costs.value
        self._fees.visible, self._costs_set.visible = not model, bool(model)
        told = f"{model}: {self._offered.costs[model]}." if model else ""
        self._costs_told.object, self._costs_told.visible = _note_html(escape(told)), bool(told)

    def asked(self) -> SearchAsked:
        """What is filled in. Raises BadInput for what cannot even be handed on; the package says the rest."""
        own: dict[str, Any] = {
            "start": text_of(self._start), "end": text_of(self._end), "slippage": text_of(self._slippage),
            "fill_at": self._fill_at.value, "fees": "" if self._costs.value else text_of(self._fees),
            "costs": ":".join(filter(None, (self._costs.value, text_of(self._costs_set)))) if self._costs.value else "",
        }  # fmt: skip
        how: dict[str, Any] = {name: value for name, value in own.items() if value}
        how |= options_of(text_of(self._more), own)
        how |= {"grid": lines_of(text_of(self._axes)), "constraints": lines_of(text_of(self._rules))}
        how["metric"] = self._metric.value
        if self.kind.value == WALK:
            how |= {"train": text_of(self._train), "test": text_of(self._test), "anchored": bool(self._anchored.value)}
            how["purge"] = whole("purge", text_of(self._purge))
        else:
            how["search"] = self._search.value
            if self._search.value != "grid":
                how |= {"trials": whole("trials", text_of(self._trials)), "seed": whole("seed", text_of(self._seed))}
        fixed = pairs_of("parameter", text_of(self._fixed))
        return SearchAsked(str(self.kind.value), str(self._strategy.value), text_of(self._data), fixed, how)


def _told(bench: Workbench, name: str, summary: str) -> str:
    """A strategy in words: what it does, and its parameters with default, bounds and meaning."""
    try:
        declared = bench.strategy(name).strategy.declared()
    except Exception as error:  # noqa: BLE001 - one that cannot be loaded says so; the others are there
        return _note_html(f"{escape(name)} cannot be loaded: {escape(str(error))}")
    said = []
    for param_name, param in declared.items():
        bounds = "" if param.low is None and param.high is None else f", {param.low} to {param.high}"
        doc = f", {param.doc.rstrip('.')}" if param.doc else ""
        said.append(f"<b>{escape(param_name)}</b> {escape(f'{param.default}{bounds}{doc}')}")
    return _note_html(f"{escape(summary.rstrip('.'))}. Parameters: {'; '.join(said) or 'none'}.")


def _row(*widgets: Any) -> Any:
    return parts.flow(*widgets, gap="0 4px", align_items="flex-end", sizing_mode=None)


def _note_html(text: str) -> str:
    return f'<p class="muted small wrap">{text}</p>'
