"""Confirm: a question that is answered by typing a word, with whatever else the act needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench_apps import parts
from workbench_apps.parts import ui


class Confirm:
    """A place that is empty until something is asked in it."""

    def __init__(self) -> None:
        self.layout = ui.Column(sizing_mode="stretch_width", margin=0)

    def ask(
        self,
        word: str,
        title: str,
        text: str,
        kind: str,
        then: Callable[[], None],
        inputs: Sequence[Any] = (),
        needed: Sequence[Any] = (),
    ) -> None:
        """Ask for the typed word; the button that acts stays shut until it stands there and what is needed is given.

        `inputs` are shown before the button; those among them that are `needed` may not be empty.
        """
        typed = ui.widgets.TextInput(name=f"Type {word} to confirm", width=220, margin=(5, 8, 5, 0))
        act = ui.widgets.Button(name=f"Confirm {word.lower()}", button_type=kind, disabled=True, margin=(5, 8, 5, 0))
        cancel = ui.widgets.Button(name="Cancel", margin=(5, 0))

        def is_ready() -> bool:
            return text_of(typed) == word and all(text_of(widget) for widget in needed)

        def typing(_: Any) -> None:
            act.disabled = not is_ready()

        def acting(_: Any) -> None:
            if is_ready() and not act.disabled:
                act.disabled = True
                then()

        for widget in (typed, *needed):
            widget.param.watch(typing, "value_input" if hasattr(widget, "value_input") else "value")
        act.on_click(acting)
        cancel.on_click(lambda _: self.close())
        look = {"background": "#fff", "border": "1px solid #e2a3a3", "border-radius": "10px", "padding": "10px 16px"}
        self.layout[:] = [
            ui.Column(
                parts.html(f"<h2>{parts.escape(title)}</h2><p>{parts.escape(text)}</p>"),
                parts.flow(*inputs, typed, act, cancel, align_items="flex-end", gap="4px"),
                styles=look, sizing_mode="stretch_width", margin=(8, 0), css_classes=["confirm"],
            )
        ]  # fmt: skip

    def close(self) -> None:
        """Take the question away."""
        self.layout[:] = []

    @property
    def is_open(self) -> bool:
        """Whether something is asked now."""
        return len(self.layout) > 0


def text_of(widget: Any) -> str:
    """What stands in an input now, letters typed last included."""
    typed = getattr(widget, "value_input", None)
    return str((widget.value if typed is None else typed) or "").strip()


def reason_input(placeholder: str = "what was seen", name: str = "Reason") -> Any:
    """A line for a reason."""
    return ui.widgets.TextInput(name=name, placeholder=placeholder, width=320, margin=(5, 8, 5, 0))
