"""Parts: what plugins make, made with what the settings or a run say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput, PluginFault
from workbench.plugin_manager import PluginManager

if TYPE_CHECKING:
    from workbench.data import PriceHistory
    from workbench.fills import CostModel, Terms
    from workbench.research import RunSpec


def made(plugins: PluginManager, kind: str, name: str, keywords: Mapping[str, Any], where: str) -> Any:
    """A part made by its factory. Raises UnknownName, and BadInput for keywords that it does not take."""
    factory = plugins.find(kind, name).resolve()
    try:
        return factory(**keywords)
    except TypeError as error:
        raise BadInput(where, ", ".join(keywords) or "none", str(error)) from None


def cost_model(plugins: PluginManager, text: str) -> CostModel:
    """The cost model of NAME or NAME:KEY=VALUE,KEY=VALUE. Raises BadInput."""
    from workbench.fills import CostModel

    name, _, rest = text.partition(":")
    keywords = {}
    for part in rest.split(",") if rest.strip() else ():
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise BadInput("costs", text, "is no NAME:KEY=VALUE,…", "as in crypto:maker=2,taker=5")
        keywords[key.strip()] = value.strip()
    found = made(plugins, "cost_model", name.strip(), keywords, f"costs {name.strip()}")
    if not isinstance(found, CostModel):
        raise PluginFault(f"cost model {name}: its factory made {found!r}, not a workbench.fills.CostModel")
    return found


def terms_of(plugins: PluginManager, spec: RunSpec) -> Terms:
    """What a run trades under, with the cost model it names."""
    named = spec.options.get("costs")
    return spec.terms(None if named is None else cost_model(plugins, named))


def histories_of(plugins: PluginManager, spec: RunSpec) -> list[PriceHistory]:
    """The prices a run names, loaded and checked."""
    from workbench.data import load_history
    from workbench.ports import DataRequest

    source, options = plugins.find("data_source", spec.source).resolve()(), spec.options
    return [
        load_history(
            spec.source,
            source,
            DataRequest(
                symbol=symbol,
                zone=options.get("tz"),
                calendar=options.get("calendar"),
                lot=spec.grid_number("lot"),
                tick=spec.grid_number("tick"),
            ),
            start=options.get("start"),
            end=options.get("end"),
        )
        for symbol in spec.symbols
    ]
