"""Made-up minute bars for every engine alike: a random walk by seed, and the file in which it goes to the peers.

Nothing here needs more than numpy, so that the peers' environment can read it too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MINUTE = 60 * 10**9
START = 1_704_067_200 * 10**9
"""2024-01-01 00:00 UTC in nanoseconds."""
DECIMALS = 5


def made_up(bars: int, seed: int = 7) -> dict[str, NDArray[Any]]:
    """Bars that open at the close before: a fill at the next open and one at this close have one price."""
    draw = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(draw.normal(0, 0.0005, bars))), DECIMALS)
    open_ = np.concatenate([[100.0], close[:-1]])
    reach = np.round(np.abs(draw.normal(0, 0.02, (2, bars))), DECIMALS)
    return {
        "times": START + np.arange(bars, dtype=np.int64) * MINUTE,
        "open": open_,
        "high": np.round(np.maximum(open_, close) + reach[0], DECIMALS),
        "low": np.round(np.minimum(open_, close) - reach[1], DECIMALS),
        "close": close,
    }


def save(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    """Keep bars for another process."""
    np.savez(path, **columns)


def load(path: str, bars: int) -> dict[str, NDArray[Any]]:
    """The first `bars` of the bars another process kept."""
    with np.load(path) as kept:
        return {name: kept[name][:bars] for name in kept.files}
