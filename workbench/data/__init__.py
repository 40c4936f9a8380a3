"""Data: prices on the way in, checked; calendars. Nothing is repaired silently."""

from workbench.data.calendars import ALWAYS, DAY_NS, Calendar, Sessions
from workbench.data.checks import DataReport, Finding
from workbench.data.history import PriceHistory
from workbench.data.load import load_history

__all__ = ["ALWAYS", "DAY_NS", "Calendar", "DataReport", "Finding", "PriceHistory", "Sessions", "load_history"]
