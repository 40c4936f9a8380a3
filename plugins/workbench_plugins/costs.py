"""The bundled cost models, as records."""

from collections.abc import Iterator

from workbench.hookspecs import CostModelRecord, hookimpl


@hookimpl
def workbench_cost_models() -> Iterator[CostModelRecord]:
    """Yield cost models of common venues."""
    models = "workbench_plugins.cost_models"
    yield CostModelRecord("basis_points", f"{models}:basis_points", "Basis points of turnover: bps, minimum")
    yield CostModelRecord("per_share", f"{models}:per_share", "An amount a raw share: amount, minimum")
    yield CostModelRecord("tiered", f"{models}:tiered", "Percent that falls with the order: tiers, minimum")
    yield CostModelRecord("crypto", f"{models}:crypto", "Maker and taker fees in basis points: maker, taker")
    for segment in ("delivery", "intraday", "futures", "options"):
        name = f"india_{segment}"
        yield CostModelRecord(name, f"{models}:{name}", f"NSE {segment}, all taxes, dated: brokerage, most")
