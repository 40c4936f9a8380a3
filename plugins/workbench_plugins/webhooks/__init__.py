"""The bundled webhook formats."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.hookspecs import WebhookFormatRecord, hookimpl

_FORMATS = (
    ("tradingview", "tradingview:TradingView", "TradingView alerts, JSON or plain text"),
    ("traderspost", "traderspost:TradersPost", "TradersPost's JSON"),
    ("chartink", "chartink:ChartInk", "ChartInk screeners, several stocks in one alert"),
    ("threecommas", "threecommas:ThreeCommas", "3Commas signal bots' JSON"),
    ("tickerly", "tickerly:Tickerly", "Tickerly's JSON"),
    ("autoview", "autoview:Autoview", "Autoview's text commands"),
    ("custom", "custom:Custom", "any JSON, by a template of paths and constants"),
)


@hookimpl
def workbench_webhook_formats() -> Iterable[WebhookFormatRecord]:
    """Yield them."""
    for name, factory, summary in _FORMATS:
        yield WebhookFormatRecord(name, f"{__name__}.{factory}", summary)
