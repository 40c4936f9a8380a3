"""Fields: the widgets forms are made of, in one look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench_apps import parts
from workbench_apps.parts import ui

MARGIN = (5, 8, 5, 0)
FORM = {"background": "#fff", "border": "1px solid #bcc5ce", "border-radius": "10px", "padding": "10px 16px"}
"""The look of a form's box."""
_GROW = ":host { flex: 1 1 270px; max-width: 420px; }"


def line(name: str, value: str, width: int, placeholder: str) -> Any:
    """A line of text; what stands in it is `text_of`."""
    return ui.widgets.TextInput(
        name=name, value=value, value_input=value, placeholder=placeholder, width=width, margin=MARGIN
    )


def area(name: str, value: str, placeholder: str, rows: int = 3, grow: str = _GROW) -> Any:
    """Several lines of text, as wide as there is room."""
    made = ui.widgets.TextAreaInput(
        name=name, value=value, value_input=value, placeholder=placeholder, rows=rows, resizable="height",
        sizing_mode="stretch_width", margin=MARGIN, width=None, max_length=20_000,
    )  # fmt: skip
    made.stylesheets = [grow]
    return made


def select(name: str, options: Any, width: int, **more: Any) -> Any:
    """One of several."""
    return ui.widgets.Select(name=name, options=options, width=width, margin=MARGIN, **more)


def tick(name: str, *, value: bool = False) -> Any:
    """A yes or no, whose words can be clicked too; its value is true where it is ticked."""
    return ui.widgets.CheckBoxGroup(options=[name], value=[name] if value else [], inline=True, margin=(0, 14, 8, 0))


def set_tick(widget: Any, *, value: bool) -> None:
    """Tick it, or take the tick away."""
    widget.value = list(widget.options) if value else []


def button(name: str, kind: str, then: Callable[[], None]) -> Any:
    """A button that does something."""
    made = ui.widgets.Button(name=name, button_type=kind, margin=(5, 0))
    made.on_click(lambda _: then())
    return made


def row(*widgets: Any) -> Any:
    """Fields side by side, their lower edges in line."""
    return parts.flow(*widgets, gap="0 4px", align_items="flex-end")


def note(text: str) -> Any:
    """A quiet line of ready HTML."""
    return parts.html(f'<p class="muted small wrap">{text}</p>', margin=(0, 0, 4, 0))


def title(text: str) -> Any:
    """A small heading inside a form, of ready HTML."""
    return parts.html(f"<h4>{text}</h4>", margin=(4, 0, 0, 0))


def put(widget: Any, value: str) -> None:
    """Write into a line or area."""
    widget.value = value
    widget.value_input = value
