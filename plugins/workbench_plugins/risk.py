"""The bundled risk rules, as records."""

from collections.abc import Iterator

from workbench.hookspecs import RiskRuleRecord, hookimpl


@hookimpl
def workbench_risk_rules() -> Iterator[RiskRuleRecord]:
    """Yield the rules of the research profile."""
    yield RiskRuleRecord("sizing", "workbench_plugins.risk_rules:Sizing", "Works out the size the strategy asks for")
    yield RiskRuleRecord("whole_lots", "workbench_plugins.risk_rules:WholeLots", "Cuts the size to whole lots")
    yield RiskRuleRecord("balance", "workbench_plugins.risk_rules:Balance", "Denies an entry without any equity")
