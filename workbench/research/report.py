"""Reports: results as HTML, for a notebook's cell and as a page that needs nothing from the network."""

# ruff: noqa: E501 - lines of HTML

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.research.metrics import Metrics

if TYPE_CHECKING:
    from workbench.research.backtest import Backtest
    from workbench.research.breakdown import Breakdown
    from workbench.research.walkforward import WalkForward

PERCENTS = frozenset({
    "total_return", "annual_return", "volatility", "max_drawdown", "exposure", "win_rate", "avg_trade_return",
    "best_trade", "worst_trade",
})  # fmt: skip
MONEY = frozenset({"expectancy", "fees", "start_cash", "end_equity"})
LABELS = {"avg_trade_return": "average trade", "profit_factor": "profit factor", "periods_per_year": "periods a year"}
SHOWN = (
    "total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "trades", "win_rate",
    "profit_factor", "expectancy", "exposure", "fees", "start_cash", "end_equity", "bars", "periods_per_year",
)  # fmt: skip
MOST_TRADES = 500
"""So many trades are listed in a report; the rest are counted."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>{{ resources | safe }}
<style>
:root { --ink:#1f2933; --muted:#52606d; --line:#e4e7eb; --card:#f8fafc; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 1100px; margin: 0 auto; padding: 24px 16px; }
h1 { font-size: 1.5rem; margin: 0 0 4px; } h2 { font-size: 1.1rem; margin: 28px 0 8px; }
.sub, .note { color: var(--muted); } .note { font-size: .9rem; margin: 4px 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 8px; margin: 16px 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 8px 12px; }
.card b { display: block; font-size: 1.1rem; font-variant-numeric: tabular-nums; }
.card span { color: var(--muted); font-size: .85rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } th { color: var(--muted); font-weight: 600; }
</style></head><body>
<h1>{{ title }}</h1><p class="sub">{{ subtitle }}</p>
<div class="cards">{% for name, value, why in cards %}<div class="card"{% if why %} title="{{ why }}"{% endif %}><span>{{ name }}</span><b>{{ value }}</b></div>{% endfor %}</div>
{{ plot_div | safe }}{{ plot_script | safe }}
{% for heading, columns, rows, rest in tables %}<h2>{{ heading }}</h2>
{% if rows %}<div class="scroll"><table><thead><tr>{% for c in columns %}<th>{{ c }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</tbody></table></div>
{% if rest %}<p class="note">and {{ rest }} more</p>{% endif %}{% else %}<p class="note">none</p>{% endif %}{% endfor %}
<h2>What these figures mean</h2>
{% for note in notes %}<p class="note">{{ note }}</p>{% endfor %}
</body></html>"""

_CELL = """<div style="font:14px system-ui,sans-serif"><b>{{ title }}</b> <span style="color:#52606d">{{ subtitle }}</span>
<table style="border-collapse:collapse;margin-top:6px">{% for row in rows %}<tr>{% for name, value, why in row %}
<td style="text-align:left;color:#52606d;padding:2px 8px">{{ name }}</td><td style="text-align:right;padding:2px 20px 2px 0"{% if why %} title="{{ why }}"{% endif %}>{{ value }}</td>{% endfor %}</tr>{% endfor %}</table></div>"""

METHOD = (
    "Returns are simple returns of every bar, the first included; standard deviation with ddof 1, risk-free rate 0, "
    "annualised by {periods:g} periods a year. Win rate, profit factor and expectancy are over closed trades, net of fees."
)


def backtest_report(result: Backtest) -> str:
    """A backtest as a page of its own."""
    return _page(
        f"{result.name} on {', '.join(result.tape.symbols)}",
        _backtest_subtitle(result),
        result.metrics,
        result.plot(),
        [_cost_table(result.costs), _trade_table(result)],
        [_method(result.metrics), *result.notes],
    )


def walkforward_report(result: WalkForward) -> str:
    """A walk-forward as a page of its own."""
    efficiency, reason = result.efficiency
    shown = f"{efficiency:.2f}" if efficiency is not None else f"undefined: {reason}"
    frame = result.table
    rows = [[_cell(str(name), value) for name, value in row.items()] for row in frame.to_dict("records")]
    notes = [
        _method(result.metrics),
        f"Walk-forward efficiency: {shown} (stitched annual return ÷ mean annual return of the trains).",
        f"{result.tried} parameter sets were evaluated, choosing by {result.metric}; each counts as a trial.",
        "A position open at a window's end is closed at the next window's first open, with costs.",
    ]
    title = f"{result.name} on {', '.join(result.tape.symbols)}, walked forward"
    return _page(
        title,
        _walkforward_subtitle(result),
        result.metrics,
        result.plot(),
        [("Windows", list(frame.columns), rows, 0), _cost_table(result.costs)],
        notes,
    )


def backtest_summary(result: Backtest) -> str:
    """A backtest as a notebook's cell."""
    title = f"{result.name} on {', '.join(result.tape.symbols)}"
    return _summary(title, _backtest_subtitle(result), result.metrics)


def walkforward_summary(result: WalkForward) -> str:
    """A walk-forward as a notebook's cell, with the table of windows."""
    head = _summary(f"{result.name}, stitched out of sample", _walkforward_subtitle(result), result.metrics)
    return head + result.table.to_html(index=False, border=0, float_format=lambda v: f"{v:.3f}")


def show(name: str, value: Any) -> str:
    """A metric as text: percent, money, count or figure; a dash where it has no answer."""
    if value is None:
        return "–"
    if name in PERCENTS:
        return f"{value:.2%}"
    if name in MONEY:
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if name == "periods_per_year" else f"{value:.2f}"


def _cards(metrics: Metrics) -> list[tuple[str, str, str]]:
    return [
        (LABELS.get(name, name.replace("_", " ")), show(name, metrics[name]), metrics.reasons.get(name, ""))
        for name in SHOWN
    ]


def _page(title: str, subtitle: str, metrics: Metrics, plot: Any, tables: list[Any], notes: list[str]) -> str:
    from bokeh.embed import components
    from bokeh.resources import INLINE
    from jinja2 import Environment

    script, div = components(plot)
    return Environment(autoescape=True).from_string(_PAGE).render(
        title=title, subtitle=subtitle, cards=_cards(metrics), plot_div=div, plot_script=script,
        resources=INLINE.render(), tables=tables, notes=notes,
    )  # fmt: skip


def _summary(title: str, subtitle: str, metrics: Metrics) -> str:
    from jinja2 import Environment

    cards = _cards(metrics)[:15]
    rows = [cards[i : i + 3] for i in range(0, len(cards), 3)]
    return Environment(autoescape=True).from_string(_CELL).render(title=title, subtitle=subtitle, rows=rows)


def _backtest_subtitle(result: Backtest) -> str:
    span = f"{result.index[0]:%Y-%m-%d} to {result.index[-1]:%Y-%m-%d} (UTC)"
    params = ", ".join(f"{k}={v}" for k, v in result.strategy.params.items())
    size = result.terms.size_for(result.strategy)
    return f"{span} · {params} · size {size} · {_costs_told(result)}"


def _walkforward_subtitle(result: WalkForward) -> str:
    kind = "anchored" if result.anchored else "rolling"
    span = f"{result.index[0]:%Y-%m-%d} to {result.index[-1]:%Y-%m-%d} (UTC)"
    return (
        f"{span} · {len(result.windows)} {kind} windows, train {result.train}, test {result.test} · "
        f"{_costs_told(result)}"
    )


def _method(metrics: Metrics) -> str:
    return METHOD.format(periods=metrics["periods_per_year"])


def _trade_table(result: Backtest) -> tuple[str, list[str], list[list[str]], int]:
    columns = ["symbol", "side", "entry (UTC)", "price", "exit (UTC)", "price", "raw size", "P&L", "return", "exit by"]
    rows = [
        [
            t.symbol, t.direction, _minute(t.entry_time), f"{t.entry_price:,.4f}", _minute(t.exit_time),
            "open" if t.exit_price is None else f"{t.exit_price:,.4f}", f"{t.raw_size:,.8g}", f"{t.pnl:,.2f}",
            f"{t.returned:.2%}", t.cause or "–",
        ]
        for t in result.trade_list[:MOST_TRADES]
    ]  # fmt: skip
    return "Trades", columns, rows, max(0, len(result.trade_list) - MOST_TRADES)


def _cost_table(costs: Breakdown) -> tuple[str, list[str], list[list[str]], int]:
    share = [f"{amount / costs.turnover:.4%}" if costs.turnover else "–" for _, amount in costs.rows()]
    rows = [[name, f"{amount:,.2f}", part] for (name, amount), part in zip(costs.rows(), share, strict=True)]
    return "From gross to net", ["", "amount", "of turnover"], rows, 0


def _costs_told(result: Backtest | WalkForward) -> str:
    """Fees and slippage in words."""
    costs = result.terms.costs
    fees = f"fees {costs.fee_bps} bps" if costs.model is None else f"costs {costs.model.name}"
    slippage = f"slippage {costs.slippage}" + (" bps" if costs.moving is None else "")
    at = ", fills at the close" if result.terms.at_close(result.strategy) else ""
    return f"{fees}, {slippage}{at}"


def _minute(text: str | None) -> str:
    return "–" if text is None else text[:10] if text.endswith("T00:00:00Z") else text[:16].replace("T", " ")


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.2%}" if name.startswith("return") else f"{value:.3g}"
    return "–" if value is None else str(value)
