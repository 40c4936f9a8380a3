"""The one look of the app: colours, style sheets and how times, amounts and shares are written."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from html import escape
from typing import Any

from workbench.research.plots import BAND, GAIN, GRID, INK, LINE, LOSS, MUTED

__all__ = [
    "BAND", "GAIN", "GRID", "INK", "LINE", "LOSS", "MUTED", "NONE", "PAGE_CSS", "PARTS_CSS", "SERIES", "TABLE_CSS",
    "amount", "clock", "escape", "exact", "number", "params_text", "percent", "yes_no",
]  # fmt: skip

NONE = "–"
"""Stands where there is no figure."""
SERIES = (LINE, "#c2410c", GAIN, "#7c3aed", "#be185d", "#0e7490", "#a16207", "#475569")
"""Colours of lines that are compared, in their order."""
FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
GOOD_INK, BAD_INK, WARN_INK = "#0b6b50", "#a32a2a", "#8a5a00"

PAGE_CSS = f"""
:root {{ --design-primary-color: {LINE}; color-scheme: light; }}
html, body {{ height: auto; min-height: 100%; margin: 0; background: #f5f6f8; color: {INK}; overflow-x: hidden;
  font: 14px/1.5 {FONT}; }}
header.bar {{ background: #fff; border-bottom: 1px solid {GRID}; position: sticky; top: 0; z-index: 20; }}
header.bar nav {{ max-width: 1440px; margin: 0 auto; padding: 0 20px; display: flex; gap: 4px 22px; flex-wrap: wrap;
  align-items: center; }}
header.bar strong {{ padding: 12px 0; letter-spacing: .01em; margin-right: 8px; }}
header.bar a {{ color: #52606d; text-decoration: none; padding: 12px 0; border-bottom: 2px solid transparent; }}
header.bar a:hover, header.bar a:focus-visible {{ color: {INK}; border-color: {GRID}; }}
header.bar a[aria-current] {{ color: {LINE}; border-color: {LINE}; font-weight: 600; }}
main {{ max-width: 1440px; margin: 0 auto; padding: 14px 20px 48px; box-sizing: border-box; }}
footer {{ max-width: 1440px; margin: 0 auto; padding: 0 20px 24px; color: #616e7c; font-size: 12px; }}
@media (max-width: 600px) {{
  main {{ padding: 8px 10px 32px; }}
  header.bar nav {{ padding: 0 12px; gap: 0 16px; }}
  header.bar strong {{ width: 100%; padding: 8px 0 0; }}
  header.bar a {{ padding: 8px 0; }}
}}
"""

PARTS_CSS = f"""
:host {{ color: {INK}; font-size: 14px; line-height: 1.5; font-family: {FONT}; }}
h1, h2, h3, p {{ margin: 0; }}
h1 {{ font-size: 21px; font-weight: 650; }} h2 {{ font-size: 16px; font-weight: 650; }}
h3 {{ font-size: 14px; font-weight: 650; }} h4 {{ font-size: 13px; font-weight: 650; margin: 12px 0 4px; }}
.muted {{ color: #616e7c; }} .small {{ font-size: 12.5px; }} .wrap {{ overflow-wrap: anywhere; }}
.nowrap {{ white-space: nowrap; }}
code {{ background: #eef1f4; border-radius: 4px; padding: 1px 5px; font-size: 12.5px; overflow-wrap: anywhere; }}
.grid {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 8px; }}
.grid.wide {{ align-items: start; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 12px; }}
.tile {{ background: #fff; border: 1px solid {GRID}; border-radius: 8px; padding: 8px 12px; min-width: 0; }}
.tile b {{ display: block; font-size: 17px; font-weight: 600; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }}
.tile span {{ color: #616e7c; font-size: 12.5px; }}
.card {{ background: #fff; border: 1px solid {GRID}; border-radius: 10px; padding: 12px 14px; min-width: 0; }}
.figure {{ font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums; }}
.good {{ color: {GOOD_INK}; }} .bad {{ color: {BAD_INK}; }} .warn {{ color: {WARN_INK}; }}
.pill {{ display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 12.5px; font-weight: 600;
  border: 1px solid currentColor; white-space: nowrap; }}
.pill.good {{ background: #e9f7f2; }} .pill.bad {{ background: #fdeeee; }} .pill.warn {{ background: #fff6e0; }}
.pill.muted {{ background: #f2f4f6; }}
.mode {{ display: inline-block; border-radius: 4px; padding: 1px 8px; font-size: 12px; font-weight: 700;
  letter-spacing: .06em; border: 1px solid transparent; }}
.mode.paper {{ background: #e4ebf3; color: #334e68; }} .mode.live {{ background: #a32a2a; color: #fff; }}
.mode.sandbox {{ background: #ffd43b; color: #4a3500; border-color: #4a3500; }}
.mode.unknown {{ background: #fff; color: {BAD_INK}; border-color: currentColor; }}
.broker {{ padding: 3px 0; overflow-wrap: anywhere; }}
.broker.trouble {{ background: #fdf1f1; border: 1px solid #e2a3a3; border-radius: 8px; padding: 6px 12px; }}
.card + .card {{ margin-top: 12px; }} .card > h3 + .grid {{ margin-top: 8px; }}
.alert {{ border: 1px solid; border-left-width: 5px; border-radius: 8px; padding: 9px 14px;
  overflow-wrap: anywhere; }}
.alert.bad {{ background: #fdf1f1; border-color: #e2a3a3; }}
.alert.good {{ background: #edf9f4; border-color: #93cfbb; }}
.alert.warn {{ background: #fff8e8; border-color: #e3c37c; }}
.alert.muted {{ background: #f2f4f7; border-color: #cbd2d9; }}
.alert ul {{ margin: 4px 0 0; padding-left: 20px; }}
.empty {{ border: 1px dashed #bcc5ce; border-radius: 10px; padding: 22px; text-align: center; background: #fff; }}
.halt {{ background: #a32a2a; color: #fff; border-radius: 10px; padding: 12px 16px; font-size: 15px;
  overflow-wrap: anywhere; }}
progress {{ display: block; width: 100%; height: 9px; margin: 5px 0 2px; accent-color: {LINE}; }}
pre {{ background: #f2f4f6; border: 1px solid {GRID}; border-radius: 8px; margin: 4px 0; padding: 8px 12px;
  font-size: 12.5px; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 320px;
  overflow-y: auto; unicode-bidi: isolate; }}
pre.once {{ background: #fffbe9; border-color: #e3c37c; user-select: all; }}
h2 .step {{ display: inline-block; width: 22px; height: 22px; border-radius: 50%; background: {LINE}; color: #fff;
  font-size: 13px; line-height: 22px; text-align: center; margin-right: 8px; vertical-align: 1px; }}
.scroll {{ overflow-x: auto; }} .scroll.long table {{ min-width: 680px; }}
table {{ border-collapse: collapse; width: 100%; font-size: 13px; }}
th {{ text-align: left; color: #52606d; font-weight: 600; border-bottom: 1px solid #cbd2d9; padding: 4px 14px 4px 0;
  white-space: nowrap; }}
td {{ border-bottom: 1px solid {GRID}; padding: 5px 14px 5px 0; vertical-align: top;
  font-variant-numeric: tabular-nums; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 6px 0 0; font-size: 13px; }}
dt {{ color: #616e7c; }} dd {{ margin: 0; min-width: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }}
.loading::before {{ content: ""; display: inline-block; width: 12px; height: 12px; margin-right: 8px;
  border: 2px solid #cbd2d9; border-top-color: {LINE}; border-radius: 50%; animation: turn 1s linear infinite;
  vertical-align: -2px; }}
@keyframes turn {{ to {{ transform: rotate(360deg); }} }}
"""

TABLE_CSS = f"""
:host {{ border: 1px solid {GRID}; border-radius: 8px; overflow: hidden; }}
.tabulator {{ font-size: 13px; border: 0; background: #fff; font-variant-numeric: tabular-nums; }}
.tabulator .tabulator-header {{ background: #f2f4f6; color: #52606d; border-bottom: 1px solid #cbd2d9; }}
.tabulator .tabulator-header .tabulator-col {{ background: #f2f4f6; border-right: 0; }}
.tabulator-row {{ border-bottom: 1px solid #eef0f3; }}
.tabulator-row .tabulator-cell {{ border-right: 0; padding-right: 12px; }}
.tabulator-row.tabulator-selected, .tabulator-row.tabulator-selected:hover {{ background: #dbe8fe !important;
  color: {INK} !important; }}
"""


def amount(value: Any, currency: str = "") -> str:
    """An amount of money, to the cent, with thousands separators and its currency."""
    made = number(value, 2)
    return f"{made} {currency}".strip() if made != NONE else NONE


def number(value: Any, places: int = 2) -> str:
    """A number with thousands separators, at most so many places; exact text stays exact up to them."""
    if value is None or value == "":
        return NONE
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not found.is_finite():
        return NONE
    return f"{found:,.{places}f}"


def exact(value: Any, places: int = 0) -> str:
    """A size or price: at least so many places and at most six, zeros beyond the least cut."""
    if value is None:
        return NONE
    whole, _, rest = f"{Decimal(str(value)):,.6f}".partition(".")
    kept = rest.rstrip("0").ljust(places, "0")
    return f"{whole}.{kept}" if kept else whole


def percent(value: Any, places: int = 2, *, sign: bool = False) -> str:
    """A fraction as percent."""
    if value is None or value != value:
        return NONE
    return f"{float(value) * 100:{'+' if sign else ''},.{places}f} %"


def clock(value: str | datetime | None, *, zone: bool = True) -> str:
    """An instant to the second; it is UTC and says so."""
    if not value:
        return NONE
    text = value.isoformat() if isinstance(value, datetime) else value
    return f"{text[:10]} {text[11:19]}{' UTC' if zone else ''}"


def yes_no(value: bool | None, yes: str = "passed", no: str = "failed") -> str:
    """A yes or no in words; nothing where there is neither."""
    return NONE if value is None else yes if value else no


def params_text(params: Any) -> str:
    """Parameters in one line."""
    return ", ".join(f"{name}={value}" for name, value in dict(params).items()) or "none"
