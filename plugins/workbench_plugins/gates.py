"""The bundled gates, as records."""

from collections.abc import Iterator

from workbench.hookspecs import GateRecord, hookimpl


@hookimpl
def workbench_gates() -> Iterator[GateRecord]:
    """Yield the gates of every stage."""
    rules = "workbench_plugins.gate_rules"
    yield GateRecord("backtest", f"{rules}:BacktestGate", "Enough trades, costs, a bearable drawdown", "backtested")
    yield GateRecord("no_look_ahead", f"{rules}:LookAheadGate", "A proof that it does not look ahead", "backtested")
    yield GateRecord("warm_up", f"{rules}:WarmUpGate", "A proof that it is given enough warm-up", "backtested")
    yield GateRecord("out_of_sample", f"{rules}:OutOfSampleGate", "Good enough out of sample", "walk-forward")
    yield GateRecord("overfitting", f"{rules}:OverfittingGate", "Not likely to be luck", "walk-forward")
    yield GateRecord("parity", f"{rules}:ParityGate", "The order path makes the backtest's trades", "paper")
    yield GateRecord("live_account", f"{rules}:LiveAccountGate", "A live account to trade", "live")
    yield GateRecord("approval", f"{rules}:ApprovalGate", "Somebody approved it", "live")
