"""Conformance suites a plugin author runs in their own tests; each raises AssertionError that says what is wrong."""

from workbench.testing.conformance import (
    check_bar_broker,
    check_data_source,
    check_plugin_import,
    check_risk_rule,
    check_strategy,
)

__all__ = ["check_bar_broker", "check_data_source", "check_plugin_import", "check_risk_rule", "check_strategy"]
