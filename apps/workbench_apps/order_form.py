"""The order form: an order placed by hand, once however often the button is pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.model import OrderType, Validity, new_id
from workbench_apps import parts
from workbench_apps.asking import Answer, Asking
from workbench_apps.confirm import text_of
from workbench_apps.parts import ui

if TYPE_CHECKING:
    from workbench_apps.page import Page

Symbols = Mapping[str, Mapping[str, str]]
_VALIDITIES = {"as the broker has it": "", "until cancelled": "gtc", "the day": "day", "at once or not (IOC)": "ioc"}
_MARGIN = (5, 8, 5, 0)


class OrderForm:
    """Asks for what an order needs, and places it under a key made when it is filled in.

    The same filled form is the same request, so pressing twice places once. Anything changed makes another request.
    """

    def __init__(self, page: Page, asking: Asking, symbols: Symbols) -> None:
        self._page, self._asking, self._symbols = page, asking, symbols
        self._key: str | None = None
        accounts = list(symbols)
        self._account = select("Account", accounts, visible=len(accounts) > 1, width=200)
        self._symbol = select("Symbol", [], width=130)
        self._other = _line("Any symbol of the market", "as in NSE:SBIN", 190)
        self._side = ui.widgets.RadioButtonGroup(
            name="Side", options={"Buy": "buy", "Sell": "sell"}, value="buy", button_type="primary",
            button_style="outline", margin=(0, 8, 5, 0), width=130,
        )  # fmt: skip
        self._size = _line("Size (as traded)", "whole lots", 130)
        self._to_position = ui.widgets.Checkbox(name="the position to end with", margin=(0, 8, 10, 0))
        self._type = select("Type", {kind.value.replace("_", " "): kind.value for kind in OrderType}, width=150)
        self._limit, self._level = _line("Limit", "worst price", 110), _line("Level", "price it waits for", 130)
        self._trailing = _line("Trails by (%)", "of the best price", 130)
        self._stop, self._target = _line("Stop (%)", "none", 90), _line("Target (%)", "none", 90)
        self._trail = _line("Trailing stop (%)", "none", 120)
        self._validity = select("Valid", _VALIDITIES, width=160)
        self._slice, self._pause = _line("Slices of", "whole", 90), _line("Pause (s)", "0", 80)
        self._display = _line("Show only", "all", 90)
        self._gtt = ui.widgets.Checkbox(name="good till triggered (GTT)", margin=(0, 8, 10, 0))
        self._after = ui.widgets.Checkbox(name="wait for the market to open", margin=(0, 8, 10, 0))
        self._price = parts.html(margin=0)
        self._place = ui.widgets.Button(name="Place", button_type="primary", width=120, margin=_MARGIN)
        self._place.on_click(lambda _: self._do_place())
        self._hide = ui.widgets.Button(name="Close the form", width=120, margin=(5, 0))
        self._hide.on_click(lambda _: self.close())
        self.layout = ui.Column(
            *self._rows(), styles={"background": "#fff", "border": "1px solid #bcc5ce", "border-radius": "10px",
            "padding": "10px 16px"}, sizing_mode="stretch_width", margin=(4, 0), css_classes=["order-form"],
        )  # fmt: skip
        self._symbol.param.watch(lambda _: self._selected(), "value")
        self._account.param.watch(lambda _: self._choose_account(), "value")
        for widget in self._inputs():
            widget.param.watch(lambda _: self._filled(), "value_input" if hasattr(widget, "value_input") else "value")
        self._choose_account()
        self._filled()

    def _rows(self) -> Sequence[Any]:
        def group(title: str, *widgets: Any) -> Any:
            head = parts.html(f'<h4 class="muted">{title}</h4>', margin=(4, 0, 0, 0))
            return ui.Column(
                head, parts.flow(*widgets, gap="2px", align_items="flex-end"), sizing_mode="stretch_width", margin=0
            )

        return (
            parts.html("<h3>New order</h3>", margin=0),
            parts.flow(
                self._account, self._symbol, self._other, self._side, self._size, self._to_position, gap="2px",
                align_items="flex-end",
            ),
            parts.flow(
                self._type, self._limit, self._level, self._trailing, self._gtt, gap="2px", align_items="flex-end"
            ),
            self._price,
            group("Protection of what fills, in percent of its price", self._stop, self._target, self._trail),
            group("How it is worked", self._validity, self._slice, self._pause, self._display, self._after),
            parts.flow(self._place, self._hide, gap="2px"),
        )  # fmt: skip

    def _inputs(self) -> Sequence[Any]:
        return (
            self._account, self._symbol, self._other, self._side, self._size, self._to_position, self._type,
            self._limit, self._level, self._trailing, self._stop, self._target, self._trail, self._validity,
            self._slice, self._pause, self._display, self._gtt, self._after,
        )  # fmt: skip

    # ---- filling it in -----------------------------------------------------------------------------------------------

    def _choose_account(self) -> None:
        names = list(self._symbols.get(self._account.value or "", {}))
        self._other.visible = self._account.value in self._page.bench.settings.accounts  # its market has many more
        self._symbol.visible = bool(names) or not self._other.visible
        if list(self._symbol.options) != names:
            kept = self._symbol.value
            self._symbol.options = names
            self._symbol.value = kept if kept in names else next(iter(names), None)

    def _selected(self) -> None:
        """A symbol was selected: what was typed before is not meant any more."""
        self._other.value = self._other.value_input = ""

    def _filled(self) -> None:
        """Something was filled in: it is another order than before. Show what its type needs."""
        self._key = new_id()
        kind, gtt = OrderType(self._type.value), bool(self._gtt.value)
        trails = kind is OrderType.TRAILING_STOP and not gtt
        self._type.disabled = gtt  # which way the level lies says what it is
        self._limit.visible = kind.has_limit or gtt
        self._limit.name = "Limit (or none)" if gtt else "Limit"
        self._level.visible = gtt or (kind.has_level and not trails)
        self._trailing.visible = trails
        self._show_price()

    def _show_price(self) -> None:
        symbol = self._chosen()
        last = self._symbols.get(self._account.value or "", {}).get(symbol)
        told = f"last {last}" if last else "no price here yet"
        said = (
            f'<p class="muted small">Size in whole lots as traded on the day; prices in the units of the '
            f"session&#39;s bars, adjusted where those are: {parts.escape(symbol)} "
            f"{parts.escape(told)}.</p>"
        )
        if said != self._price.object:
            self._price.object = said

    def show(self, symbols: Symbols) -> None:
        """Show what can be traded now, and the last price."""
        self._symbols = symbols
        if list(self._account.options) != list(symbols):
            self._account.options = list(symbols)
            self._account.visible = len(symbols) > 1
            self._account.value = self._account.value or next(iter(symbols), None)
        self._choose_account()
        self._show_price()

    # ---- placing it --------------------------------------------------------------------------------------------------

    def _chosen(self) -> str:
        """The symbol: what was typed, where that can be, else what was selected."""
        return (text_of(self._other) if self._other.visible else "") or str(self._symbol.value or "")

    def leg(self) -> dict[str, Any]:
        """The order as it is filled in."""
        kind, gtt = OrderType(self._type.value), bool(self._gtt.value)
        leg: dict[str, Any] = {"symbol": self._chosen(), "side": self._side.value, "size": text_of(self._size)}
        shown = (
            ("limit", self._limit), ("level", self._level), ("trailing", self._trailing), ("stop", self._stop),
            ("target", self._target), ("trail", self._trail), ("slice", self._slice), ("pause", self._pause),
            ("display", self._display),
        )  # fmt: skip
        leg |= {name: text_of(widget) for name, widget in shown if widget.visible and text_of(widget)}
        leg |= {} if gtt else {"type": kind.value}
        leg |= {"validity": Validity(self._validity.value).value} if self._validity.value else {}
        flags = (("gtt", self._gtt), ("after_market", self._after), ("to_position", self._to_position))
        return leg | {name: True for name, widget in flags if widget.value}

    def _do_place(self) -> None:
        desk, leg, account, key = self._page.bench.trading.by_hand, self.leg(), self._account.value, self._key
        if key is None:  # placed already: a second press of the same button
            return

        def told(answer: Answer | None) -> None:
            self._place.disabled = False
            if self._key != key:  # changed meanwhile
                return
            if answer is not None and answer["status"] == "done":
                self.close()
            elif answer is not None and answer["status"] == "refused":
                self._key = new_id()  # nothing came of that one; the next press is a new try

        self._place.disabled = True
        self._asking.ask("place", lambda: desk.place([leg], account=account, key=key), told, busy=self.layout)

    def close(self) -> None:
        """Take the form away; the next one is empty."""
        self._key = None
        self.layout.visible = False

    @property
    def is_open(self) -> bool:
        """Whether it is on the page."""
        return bool(self.layout.visible)


def _line(name: str, placeholder: str, width: int) -> Any:
    return ui.widgets.TextInput(name=name, placeholder=placeholder, width=width, margin=_MARGIN)


def select(name: str, options: Any, *, width: int, visible: bool = True) -> Any:
    return ui.widgets.Select(name=name, options=options, width=width, margin=_MARGIN, visible=visible)
