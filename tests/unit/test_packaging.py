"""The files that pin packages agree with pyproject.toml and with each other (see docs/maintaining.md)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parents[2]
LOCK = (REPO / "requirements.lock").read_text(encoding="utf-8")
CONSTRAINTS = (REPO / "constraints.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# One package: its pin with any marker, then its hashes, each on a line of its own.
BLOCKS = [(pin.rstrip(" \\"), hashes) for pin, hashes in re.findall(r"(?m)^([^\s#].*)((?:\n[ \t]+.*)*)", LOCK.rstrip())]
PINS = [Requirement(pin) for pin, _ in BLOCKS]
PYTHONS = ("3.11.0", "3.11.7", "3.12.1", "3.13.0")
PLATFORMS = (
    {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
    {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
    {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
)


def places() -> list[dict[str, str]]:
    """The Pythons and platforms that the lock is for."""
    return [
        {"python_full_version": full, "python_version": full.rpartition(".")[0], **platform}
        for full in PYTHONS
        for platform in PLATFORMS
    ]


def applies(marker: Marker | None, place: dict[str, str]) -> bool:
    return marker is None or marker.evaluate(place)


def test_the_lock_was_read_whole() -> None:
    assert len(PINS) == sum("==" in line for line in LOCK.splitlines()) > 100
    assert sum(hashes.count("sha256:") for _, hashes in BLOCKS) == LOCK.count("sha256:")


def test_every_locked_package_is_pinned_once_a_place_and_has_hashes() -> None:
    for pin, (line, hashes) in zip(PINS, BLOCKS, strict=True):
        assert [spec.operator for spec in pin.specifier] == ["=="], line
        assert pin.url is None, line
        assert pin.name == canonicalize_name(pin.name), line
        assert re.fullmatch(r"(\s+--hash=sha256:[0-9a-f]{64}( \\)?)+", hashes), line
    for place in places():
        names = [pin.name for pin in PINS if applies(pin.marker, place)]
        assert len(names) == len(set(names)), place


def test_constraints_are_the_pins_of_the_lock() -> None:
    assert CONSTRAINTS.splitlines() == [line for line, _ in BLOCKS]
    assert CONSTRAINTS.endswith("\n")


@pytest.mark.parametrize("text", [LOCK, CONSTRAINTS], ids=["requirements.lock", "constraints.txt"])
def test_no_address(text: str) -> None:
    assert "://" not in text
    assert not re.search(r"(?m)^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b", text)


@pytest.mark.parametrize("wanted", [*PROJECT["dependencies"], *(entry for extra in EXTRAS.values() for entry in extra)])
def test_every_dependency_is_pinned_by_a_version_that_satisfies_it(wanted: str) -> None:
    requirement = Requirement(wanted)
    name = canonicalize_name(requirement.name)
    assert requirement.specifier, "give it a lower bound"
    for place in places():
        if applies(requirement.marker, place):
            (pin,) = [pin for pin in PINS if pin.name == name and applies(pin.marker, place)]
            (version,) = [spec.version for spec in pin.specifier]
            assert requirement.specifier.contains(version, prereleases=True), place


def test_what_wb_needs_of_the_lock_is_there_everywhere() -> None:
    for name in ("setuptools", "uv"):
        (pin,) = [pin for pin in PINS if pin.name == name]
        assert pin.marker is None


def test_conda_environment() -> None:
    environment = yaml.safe_load((REPO / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"] == "workbench"
    *conda, pip = environment["dependencies"]
    (python,) = [entry for entry in conda if entry.startswith("python=")]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.partition("=")[2])
    assert "pip" in conda
    assert pip == {"pip": ["-c constraints.txt", "-e .[dev]"]}
    assert "dev" in EXTRAS
