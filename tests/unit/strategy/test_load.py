"""Strategies from files: what cannot be loaded is named, what changed is loaded anew, and the code is fingerprinted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workbench.errors import StrategyFault, UnknownName
from workbench.strategy import code_fingerprint, is_file_reference, load_strategy_file, source_of

ONE = """
from workbench import Param, Signals, Strategy

class {name}(Strategy):
    n = Param({n}, low=1)

    def signals(self, bars):
        return Signals(entries=bars.close > bars.sma(self.n))
"""


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def one(name: str = "Mine", n: int = 3) -> str:
    return ONE.format(name=name, n=n)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("ema_cross", False),
        ("sample:ROCKET", False),
        ("mine.py", True),
        ("mine.py:Mine", True),
        ("folder/mine.py:Mine", True),
        ("folder/mine", True),
        ("./mine.py", True),
    ],
)
def test_a_reference_names_a_file_or_a_registered_strategy(reference: str, expected: bool) -> None:
    assert is_file_reference(reference) is expected


def test_the_one_class_of_a_file_is_found_with_and_without_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, one())
    assert load_strategy_file(str(path)).__name__ == "Mine"
    assert load_strategy_file(f"{path}:Mine") is load_strategy_file(str(path))


def test_a_path_with_spaces_and_accents_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "my stratégies v2", one(), "my best one.py")
    assert load_strategy_file(f"{path}:Mine")().n == 3


@pytest.mark.parametrize(
    "reference", ["nowhere.py", "nowhere.py:Mine", "folder/thing", "folder/thing:Mine", "x.txt:Mine"]
)
def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path, reference: str) -> None:
    with pytest.raises(StrategyFault, match=r"no such Python file; write path/to/file.py:Class") as caught:
        load_strategy_file(str(tmp_path / reference))
    assert reference in str(caught.value)


def test_a_folder_that_ends_in_py_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "odd.py").mkdir()
    with pytest.raises(StrategyFault, match=r"no such Python file"):
        load_strategy_file(str(tmp_path / "odd.py"))


@pytest.mark.parametrize("text", ["", "x = 1\n", "from workbench import Strategy\n", "class Mine: pass\n"])
def test_a_file_without_a_strategy_of_its_own_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnknownName, match=r"strategy class in .*mine\.py .*known: none"):
        load_strategy_file(str(write(tmp_path, text)))


def test_of_two_classes_one_has_to_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, one("First") + one("Second"))
    with pytest.raises(UnknownName, match=r"known: First, Second; write .*mine\.py:Class"):
        load_strategy_file(str(path))
    assert load_strategy_file(f"{path}:Second").__name__ == "Second"
    with pytest.raises(UnknownName, match=r"Secnd: unknown; known: First, Second; did you mean Second"):
        load_strategy_file(f"{path}:Secnd")


def test_a_class_that_answers_no_signals_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "from workbench import Strategy\nclass Mine(Strategy):\n    pass\n")
    with pytest.raises(StrategyFault, match=r"has no signals method; define signals\(self, bars\)"):
        load_strategy_file(str(path))


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module_at_all\n", "ModuleNotFoundError"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("import sys; sys.exit('bye')\n", "SystemExit"),
        ("x = '\udcff'\n", "SyntaxError"),
    ],
)
def test_whatever_a_file_raises_is_told_with_its_name_and_leaves_nothing_behind(
    tmp_path: Path, text: str, raised: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    modules, folders = set(sys.modules), list(sys.path)
    with pytest.raises(StrategyFault, match=rf"raised {raised} when loaded") as caught:
        load_strategy_file(f"{path}:Mine")
    assert "mine.py:Mine" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not {name for name in set(sys.modules) - modules if "mine" in name}
    assert sys.path == folders


def test_a_parameter_out_of_its_bounds_is_told_as_such(tmp_path: Path) -> None:
    path = write(tmp_path, one(n=0))
    with pytest.raises(StrategyFault, match=r"parameter n 0: is out of range"):
        load_strategy_file(str(path))


def test_a_changed_file_is_loaded_anew_and_the_old_class_stays_what_it_was(tmp_path: Path) -> None:
    path = write(tmp_path, one(n=3))
    old = load_strategy_file(str(path))
    write(tmp_path, one(n=5))
    new = load_strategy_file(str(path))
    assert (old().n, new().n) == (3, 5)
    assert load_strategy_file(str(path)) is new


def test_files_of_one_name_and_content_in_two_folders_are_two_strategies(tmp_path: Path) -> None:
    first, second = (load_strategy_file(str(write(tmp_path / folder, one()))) for folder in ("a", "b"))
    assert first is not second
    assert code_fingerprint(first) == code_fingerprint(second)


def test_a_helper_beside_the_file_is_found(tmp_path: Path) -> None:
    write(tmp_path, "LENGTH = 7\n", "helper_found_beside.py")
    text = one().replace("Param(3", "Param(LENGTH")
    path = write(tmp_path, "from helper_found_beside import LENGTH\n" + text)
    assert load_strategy_file(str(path))().n == 7


def test_helpers_of_one_name_in_two_folders_do_not_mix(tmp_path: Path) -> None:
    text = "from helper_of_one_name import LENGTH\n" + one().replace("Param(3", "Param(LENGTH")
    made = []
    for folder, length in (("a", 7), ("b", 9)):
        write(tmp_path / folder, f"LENGTH = {length}\n", "helper_of_one_name.py")
        made.append(load_strategy_file(str(write(tmp_path / folder, text)))().n)
    assert made == [7, 9]


# ---- fingerprints ----------------------------------------------------------------------------------------------------


def test_the_source_is_the_whole_file_and_another_source_another_fingerprint(tmp_path: Path) -> None:
    first = load_strategy_file(str(write(tmp_path / "a", one(n=3))))
    second = load_strategy_file(str(write(tmp_path / "b", one(n=4))))
    assert source_of(first) == one(n=3)
    assert len(code_fingerprint(first)) == 64
    assert code_fingerprint(first) != code_fingerprint(second)


def test_the_fingerprint_is_of_the_code_that_runs_and_not_of_the_file_as_it_became(tmp_path: Path) -> None:
    path = write(tmp_path, one(n=3))
    old = load_strategy_file(str(path))
    before = code_fingerprint(old)
    write(tmp_path, one(n=5))
    assert code_fingerprint(old) == before
    assert source_of(old) == one(n=3)
    assert code_fingerprint(load_strategy_file(str(path))) != before


def test_a_class_without_a_source_is_told_apart_by_its_bytecode() -> None:
    told = []
    for n in (3, 3, 5):
        space: dict[str, object] = {"__name__": "typed_nowhere"}
        exec(one(n=n), space)
        told.append(source_of(space["Mine"]))  # type: ignore[arg-type]
    assert "typed where no source is kept" in told[0]
    assert told[0] == told[1]
