"""Provenance: fingerprints of the environment and of parameter sets."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("workbench", "numpy", "pandas", "numba", "ta-lib", "vectorbt", "pandas-market-calendars", "sqlalchemy")
ENGINE = ("model", "fills", "strategy", "data", "risk", "research", "trading", "proofs")
"""The packages whose code makes the numbers."""


@cache
def environment() -> dict[str, str]:
    """What the numbers were made with: Python, platform, package versions, and a hash over the engine's own source."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for name in ENGINE:
        for file in sorted((root / name).glob("*.py")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    found["engine"] = digest.hexdigest()[:16]
    return found


def fingerprint(values: Mapping[str, Any]) -> str:
    """SHA-256 over JSON values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
