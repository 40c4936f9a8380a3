"""Proofs: no look-ahead, enough warm-up, parity of backtest and order path. Each is a record of what was compared."""

from workbench.proofs.apart import Locator
from workbench.proofs.lookahead import LookaheadProof, prove_no_lookahead
from workbench.proofs.parity import ParityProof, prove_parity
from workbench.proofs.prove import Proofs, prove
from workbench.proofs.warmup import WarmupProof, prove_warmup

__all__ = [
    "Locator",
    "LookaheadProof",
    "ParityProof",
    "Proofs",
    "WarmupProof",
    "prove",
    "prove_no_lookahead",
    "prove_parity",
    "prove_warmup",
]
