"""Signals: what an alert asks for, whatever its sender."""

from workbench.signals.alert import Alert, parse_alert, symbol_of, template, wish

__all__ = ["Alert", "parse_alert", "symbol_of", "template", "wish"]
