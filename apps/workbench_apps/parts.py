"""Parts: the small pieces of HTML every page is made of. Whatever text comes in is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import panel

from workbench_apps.theme import PARTS_CSS, TABLE_CSS, escape

__all__ = [
    "COLUMN_DEFAULTS", "alert", "empty", "escape", "facts", "flow", "grid_of", "heading", "height_for", "html",
    "loading", "pill", "table", "tiles", "ui", "verdict",
]  # fmt: skip

ui: Any = panel
"""Panel, which is typed only in places."""
COLUMN_DEFAULTS = {
    "headerSortTristate": True,
    "resizable": "header",  # a handle between a row's cells would swallow the clicks that are meant for the row
    # Tabulator's own tooltip takes a cell's text for HTML, and cells hold what senders wrote
    "tooltip": ui.io.model.JSCode(
        "(_, cell) => { const text = cell.getValue(); if (text == null || text === '') return '';"
        " return Object.assign(document.createElement('div'), {textContent: String(text)}) }"
    ),
}
"""How every column of a table behaves."""


def html(text: str = "", **options: Any) -> Any:
    """A pane of ready HTML in the app's look."""
    options.setdefault("margin", (4, 0))
    return ui.pane.HTML(text, stylesheets=[PARTS_CSS], sizing_mode="stretch_width", **options)


def heading(text: str, note: str = "", level: int = 2) -> Any:
    """A heading with a quiet note below it."""
    below = f'<p class="muted small">{escape(note)}</p>' if note else ""
    return html(f"<h{level}>{escape(text)}</h{level}>{below}", margin=(10, 0, 4, 0))


def alert(kind: str, title: str, text: str = "", points: Iterable[str] = ()) -> str:
    """A message: kind is good, bad, warn or muted."""
    items = "".join(f"<li>{escape(point)}</li>" for point in points)
    role = "alert" if kind == "bad" else "status"
    said = f'<b class="{kind}">{escape(title)}</b> {escape(text)}'
    return f'<div class="alert {kind}" role="{role}">{said}{f"<ul>{items}</ul>" if items else ""}</div>'


def empty(text: str, command: str = "") -> str:
    """What stands where there is nothing yet: what it would be, and what to do."""
    remedy = f"<p>Try: <code>{escape(command)}</code></p>" if command else ""
    return f'<div class="empty"><p>{escape(text)}</p>{remedy}</div>'


def loading(what: str = "") -> str:
    """What stands where something is on its way."""
    return f'<p class="muted loading" role="status">loading… {escape(what)}</p>'


def pill(kind: str, text: str) -> str:
    """A short word in a coloured border."""
    return f'<span class="pill {kind}">{escape(text)}</span>'


def verdict(passed: bool | None) -> str:
    """Passed or failed, in words and colour."""
    if passed is None:
        return pill("muted", "not judged")
    return pill("good", "✓ passed") if passed else pill("bad", "✗ failed")


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Headline figures side by side; they wrap where it is narrow."""
    cells = (f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b></div>' for name, value in figures)
    return f'<div class="grid">{"".join(cells)}</div>'


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A small table of ready HTML cells; it scrolls inside its own box."""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    kind = "scroll long" if len(titles) > 4 else "scroll"
    return f'<div class="{kind}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, one pair a line."""
    return "<dl>" + "".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in pairs) + "</dl>"


def flow(*children: Any, gap: str = "8px", align_items: str = "flex-start", **options: Any) -> Any:
    """Parts side by side, on further lines where it is narrow."""
    usual: dict[str, Any] = {"margin": 0, "sizing_mode": "stretch_width"}
    return ui.FlexBox(*children, gap=gap, align_items=align_items, **(usual | options))


def height_for(rows: int, most: int, *, filters: bool = False) -> int:
    """How high a Tabulator of so many rows stands, at most."""
    return min(most, (62 if filters else 34) + 30 * max(rows, 1) + 18)


def grid_of(frame: Any, titles: dict[str, str], **options: Any) -> Any:
    """A Tabulator over a frame, in the app's look; columns not titled are hidden."""
    usual: dict[str, Any] = {
        "titles": titles,
        "hidden_columns": [name for name in frame.columns if name not in titles],
        "show_index": False,
        "disabled": True,
        "layout": "fit_data_stretch",
        "theme": "simple",
        "height": 300,
        "sizing_mode": "stretch_width",
        "stylesheets": [TABLE_CSS],
        "margin": (4, 0),
        "configuration": {"columnDefaults": COLUMN_DEFAULTS},
    }
    return ui.widgets.Tabulator(frame, **(usual | options))
