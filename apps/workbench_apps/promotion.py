"""The promotion page: a board of stages, and the strategy that is looked at."""

from __future__ import annotations

from typing import Any

from workbench.bootstrap import Workbench
from workbench_apps import parts
from workbench_apps.page import Page
from workbench_apps.parts import ui
from workbench_apps.standings import COLUMNS, Place, places
from workbench_apps.strategy_view import StrategyView
from workbench_apps.theme import GRID, LINE, clock, escape, params_text

_COLUMN = {"min-width": "0", "background": "#eceff2", "border-radius": "10px", "padding": "8px"}
_FLEX = ":host { flex: 1 1 185px; } @media (max-width: 600px) { :host { flex: 1 1 100%; } }"
_CARD = {"background": "#fff", "border-radius": "8px", "padding": "8px 12px", "margin-bottom": "8px"}


class PromotionPage(Page):
    """A column of cards for each stage; the strategy that was opened stands below."""

    route = "promotion"

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._places: list[Place] = []
        self._opened = ""
        self._view: StrategyView | None = None
        self._cards: dict[str, tuple[Any, Any]] = {}

    def build(self) -> None:
        """The board, and a place for the strategy."""
        reload = ui.widgets.Button(name="Reload", width=90, margin=(6, 0))
        reload.on_click(lambda _: self.reload())
        self._board = ui.Column(parts.html(parts.loading("stages")), sizing_mode="stretch_width", margin=0)
        self._detail = ui.Column(sizing_mode="stretch_width", margin=0)
        note = "A strategy moves up one stage at a time, when recorded runs pass the gates of the stage it enters."
        self.body[:] = [parts.heading("Promotion", note, 1), reload, self._board, self._detail]

    def start(self) -> None:
        """Read the board."""
        self.reload()

    def reload(self) -> None:
        """Read the board again; what is open stays open."""
        self.work("places", lambda: places(self.bench), self._found, busy=self._board)

    def _found(self, found: list[Place]) -> None:
        self._places = found
        if not found:
            text = "No strategy has a recorded run yet. The first backtest brings it here."
            self._board[:] = [parts.html(parts.empty(text, "workbench backtest ema_cross --data sample:AAPL"))]
            self._detail[:] = []
            return
        self._draw()
        self._show(keep=True)

    # ---- the board ---------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        self._cards = {}
        columns = []
        for title, stages in COLUMNS:
            cards = [self._card(place) for place in self._places if place.stage in stages]
            head = parts.html(f'<h3>{title} <span class="muted">{len(cards)}</span></h3>', margin=(0, 4, 6, 4))
            columns.append(
                ui.Column(head, *cards, styles=_COLUMN, stylesheets=[_FLEX], margin=0, css_classes=["stage", stages[0]])
            )
        self._board[:] = [
            parts.flow(*columns, gap="10px", align_items="stretch", sizing_mode="stretch_width", margin=(4, 0))
        ]
        self._mark()

    def _card(self, place: Place) -> Any:
        standing = place.standing or {}
        pairs = [("Params", params_text(place.params)), ("Data", place.data)]
        if standing:
            pairs.append(("Since", clock(standing["since"])))
        else:
            pairs.append(("Runs", f"{len(place.runs):,}"))
        if standing.get("account"):
            pairs.append(("Account", standing["account"]))
        state = ""
        if place.stage in ("paused", "retired"):
            back = f", from {standing['paused_from']}" if standing.get("paused_from") else ""
            state = parts.pill("warn" if place.stage == "paused" else "muted", f"{place.stage}{back}")
        if standing:
            state += parts.pill("bad", "changed since") if standing["changed"] else parts.pill("good", "as promoted")
        button = ui.widgets.Button(button_style="outline", sizing_mode="stretch_width", margin=(6, 0, 2, 0))
        button.on_click(lambda _: self.open(place.strategy))
        told = f'<h3 class="wrap">{escape(place.strategy)}</h3>{state}{parts.facts(pairs)}'
        card = ui.Column(
            parts.html(told, margin=0), button, sizing_mode="stretch_width", margin=0, css_classes=["strategy-card"]
        )
        self._cards[place.strategy] = (card, button)
        return card

    def _mark(self) -> None:
        """Show which card is open; a button must outlive its own click, so cards stay and change."""
        for strategy, (card, button) in self._cards.items():
            is_open = strategy == self._opened
            button.name = f"{'Opened:' if is_open else 'Open'} {strategy}"
            button.button_type = "primary" if is_open else "default"
            card.styles = _CARD | {"border": f"1px solid {LINE if is_open else GRID}"}

    # ---- the strategy ------------------------------------------------------------------------------------------------

    def open(self, strategy: str) -> None:
        """Look at a strategy."""
        self._opened = strategy
        self.say()
        self._mark()
        self._show(keep=False)

    def _show(self, *, keep: bool) -> None:
        place = next((p for p in self._places if p.strategy == self._opened), None)
        if place is None:
            text = "Nothing opened. Open a strategy above to see what its next stage asks for, and to promote it."
            self._detail[:] = [parts.html(parts.empty(text))]
            return
        said = self._view.outcome.object if keep and self._view else ""
        self._view = StrategyView(self, place)
        self._view.outcome.object = said
        self._detail[:] = [self._view.layout]
        self._view.start()
