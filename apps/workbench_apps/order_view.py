"""An order looked at: what it is, how long each stage took, its fills and its whole history; and its cancel button."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.asking import Asking
from workbench_apps.live import Snapshot
from workbench_apps.parts import ui
from workbench_apps.theme import NONE, clock, escape, exact

if TYPE_CHECKING:
    from workbench_apps.page import Page

ENDED = ("denied", "filled", "cancelled", "expired", "rejected")
IN_DOUBT = ("unknown", "quarantined", "external", "sending")
STAGES = {
    "decided": "decided after", "sent": "then sent", "answered": "then answered", "filled": "then first fill",
    "total": "in all",
}  # fmt: skip
_USUAL = {"validity": "gtc", "slice_pause": "0", "on_failure": "unwind", "rank": 0}


class OrderView:
    """Shows the order that was clicked; a working one can be cancelled here."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._asking = page, Asking(page, changed)
        self._order_id: str | None = None
        self._said = parts.html()
        self._cancel = ui.widgets.Button(name="Cancel this order", button_type="warning", width=160, visible=False)
        self._cancel.on_click(lambda _: self._do_cancel())
        self.layout = ui.Column(
            self._said, self._cancel, self._asking.outcome, sizing_mode="stretch_width", margin=0
        )  # fmt: skip

    def choose(self, order_id: str | None) -> None:
        """Look at another order, or at none."""
        if order_id != self._order_id:
            self._order_id = order_id
            self._asking.say()

    def show(self, now: Snapshot | None) -> None:
        """Show what the order is now."""
        order = None if now is None else now.orders.get(self._order_id or "")
        said = "" if order is None or now is None else order_card(order, now)
        if said != self._said.object:
            self._said.object, self._said.visible = said, bool(said)
        state = "" if order is None else order["state"]
        self._cancel.visible = bool(state) and state not in (*ENDED, *IN_DOUBT, "cancel_pending")

    def _do_cancel(self) -> None:
        order_id, desk = self._order_id, self._page.bench.trading.by_hand
        if order_id is not None:
            self._asking.ask("cancel", lambda: desk.cancel(order_id), busy=self._cancel)


def order_card(order: Mapping[str, Any], now: Snapshot) -> str:
    """An order as HTML."""
    titles = ("Event", "State", "Session clock (UTC)", "Wall clock (UTC)", "Risk verdicts", "Reason")
    rows = [
        (
            escape(line["event"].replace("_", " ")),
            escape(line["state"].replace("_", " ")),
            clock(line["at"], zone=False),
            _to_the_ms(line["written_at"]),
            _verdicts(line["verdicts"]),
            escape(line["reason"]) or NONE,
        )
        for line in order["history"]
    ]
    measured = order["latency_ms"]
    took = [(title, f"{measured[name]:,.1f} ms") for name, title in STAGES.items() if name in measured]
    kind = {"filled": "good", "rejected": "bad", "denied": "bad", "unknown": "bad", "quarantined": "bad"}
    state = parts.pill(kind.get(order["state"], "warn" if order["state"] == "external" else "muted"), order["state"])
    reason = f'<p class="small wrap">{escape(order["reason"])}</p>' if order["reason"] else ""
    return (
        f'<div class="card order"><h3 class="wrap">Order {escape(words_of(order))} {state}</h3>{reason}'
        f'<div class="grid wide">{parts.facts(_facts(order, now))}'
        f"{parts.facts([(n, v) for n, v in _family(order, now) if v])}</div>"
        f"{f'<h4>How long it took, by the wall clock</h4>{parts.tiles(took)}' if took else ''}"
        f"{_fills(now.fills.get(order['order_id'], ()))}<h4>History</h4>{parts.table(titles, rows)}</div>"
    )


def words_of(order: Mapping[str, Any]) -> str:
    """An order in one line: side, size, symbol, type and prices."""
    prices = "".join(f", {name} {exact(order[name], 2)}" for name in ("limit", "level") if order.get(name))
    return f"{order['side']} {exact(order['size'])} {order['symbol']}, {order['type'].replace('_', ' ')}{prices}"


def _facts(order: Mapping[str, Any], now: Snapshot) -> list[tuple[str, str]]:
    fills = now.fills.get(order["order_id"], ())
    raw = exact(sum(Decimal(fill["raw_size"]) for fill in fills)) if fills else ""
    pairs = [
        ("Account", order["account"]), ("Strategy", order["strategy"]),
        ("Size", f"{exact(order['size'])} in the units of the prices"),
        ("Filled", f"{exact(order['filled'])}{f' = {raw} as traded' if raw else ''}"),
        ("Limit", exact(order["limit"], 2) if order["limit"] else ""),
        ("Level", exact(order["level"], 2) if order["level"] else ""),
        ("Reduces only", "yes" if order["reduce_only"] else ""),
    ]  # fmt: skip
    worked = {k: v for k, v in order["handling"].items() if _USUAL.get(k) != v}
    pairs += [("Handling", ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in worked.items()) or "as it comes, gtc")]
    return [(name, value) for name, value in pairs if value]


def _family(order: Mapping[str, Any], now: Snapshot) -> list[tuple[str, str]]:
    name = order["order_id"]
    children = [o for o in now.orders.values() if o["parent_id"] == name]
    parent = now.orders.get(order["parent_id"] or "")
    return [
        ("Order", name),
        ("Signal", str(order["signal_id"])),
        ("Sent as", order["client_order_id"] or ""),
        ("At the broker", order["broker_id"] or ""),
        ("Parent", f"{words_of(parent)} ({order['parent_id']})" if parent else order["parent_id"] or ""),
        ("Children", "; ".join(f"{words_of(o)}: {o['state']}" for o in reversed(children))),
    ]


def _fills(fills: Sequence[Mapping[str, Any]]) -> str:
    if not fills:
        return ""
    titles = ("Fill (session clock)", "As traded", "In adjusted units", "Fee")
    rows = [
        (
            clock(fill["time"], zone=False),
            f"{exact(fill['raw_size'])} at {exact(fill['raw_price'], 2)}",
            f"{exact(fill['size'])} at {exact(fill['price'], 2)}",
            exact(fill["fee"], 2),
        )
        for fill in fills
    ]
    return f"<h4>Fills</h4>{parts.table(titles, rows)}"


def _to_the_ms(text: str) -> str:
    """A wall clock's time with its milliseconds."""
    return datetime.fromisoformat(text).isoformat(" ", "milliseconds")[:23]


def _verdicts(text: str) -> str:
    """What each rule said, a line each; in one line where all of them let it pass."""
    said = [part.strip() for part in text.split(";") if part.strip()]
    if said and all(part.endswith(" allow") for part in said):
        names = ", ".join(part.removesuffix(" allow") for part in said)
        return f"all {len(said)} rules allow: {escape(names)}"
    return "<br>".join(escape(part) for part in said) or NONE
