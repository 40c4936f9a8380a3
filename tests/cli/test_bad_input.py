"""Bad input: exit 2 and one line that names the thing, its value, what is allowed and what to do. No traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done

Shell = Callable[..., Done]
BACKTEST = ("backtest", "ema_cross", "--data", "sample:AAPL")


def refused(done: Done, *words: str) -> None:
    assert done.code == 2, (done.code, done.err)
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err, done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("backtest", "ema_cros", "--data", "sample:AAPL"), ("ema_cros", "did you mean ema_cross?")),
        (("backtest", "ema_cross", "--data", "sample:APPL"), ("APPL", "did you mean AAPL?")),
        (("backtest", "ema_cross", "--data", "smaple:AAPL"), ("smaple", "did you mean sample?")),
        (("backtest", "ema_cross", "--data", "AAPL"), ("AAPL", "SOURCE:SYMBOL")),
        (("backtest", "ema_cross", "--data", "sample:"), ("SOURCE:SYMBOL",)),
        (("backtest", "ema_cross", "--data", "sample:AAPL,AAPL"), ("AAPL", "named twice")),
        (("backtest", "ema_cross"), ("--data",)),
        (("backtest", "nowhere.py:Mine", "--data", "sample:AAPL"), ("nowhere.py:Mine", "no such Python file")),
        ((*BACKTEST, "--end", "2005-01-01", "--start", "2006-01-01"), ("end", "2005-01-01", "before start")),
        ((*BACKTEST, "--start", "2020-01-01"), ("2020-01-01", "no bars", "2013-03-01")),
        ((*BACKTEST, "--start", "01/02/2005"), ("start", "01/02/2005", "2012-12-31")),
        ((*BACKTEST, "--set", "fast=1"), ("fast", "1", "from 2 to 100")),
        ((*BACKTEST, "--set", "fast=abc"), ("fast", "abc", "is no int")),
        ((*BACKTEST, "--set", "fast=2.5"), ("fast", "2.5")),
        ((*BACKTEST, "--set", "fast=60", "--set", "slow=50"), ("fast=60", "fast must be below slow")),
        ((*BACKTEST, "--set", "fst=5"), ("fst", "did you mean fast?")),
        ((*BACKTEST, "--set", "fast"), ("fast", "NAME=VALUE")),
        ((*BACKTEST, "--fees", "-1"), ("fees", "-1")),
        ((*BACKTEST, "--fees", "nan"), ("fees", "nan", "not finite")),
        ((*BACKTEST, "--fees", "5000"), ("fees", "5000", "1000 basis points")),
        ((*BACKTEST, "--slippage", "ten"), ("slippage", "ten", "not a number")),
        ((*BACKTEST, "--cash", "0"), ("cash", "0", "above 0")),
        ((*BACKTEST, "--cash", "inf"), ("cash", "inf")),
        ((*BACKTEST, "--size", "half"), ("size", "half", "percent:P")),
        ((*BACKTEST, "--size", "shares:-3"), ("shares", "-3")),
        ((*BACKTEST, "--size", "percent:150"), ("percent:150", "100 percent")),
        ((*BACKTEST, "--size", "shares"), ("shares", "needs an amount")),
        ((*BACKTEST, "--size", "risk:1"), ("risk:1", "--stop")),
        ((*BACKTEST, "--stop", "100"), ("stop", "100", "below 100 percent")),
        ((*BACKTEST, "--stop", "0"), ("stop", "0")),
        ((*BACKTEST, "--lot", "0"), ("lot", "0")),
        ((*BACKTEST, "--tick", "0.01"), ("tick", "adjusted prices")),
        ((*BACKTEST, "--calendar", "NYES"), ("calendar", "NYES", "did you mean NYSE?")),
        ((*BACKTEST, "--tz", "Mars/Olympus"), ("tz", "Mars/Olympus", "IANA")),
        ((*BACKTEST, "--nonsense"), ("--nonsense", "--help")),
        (("nonsense",), ("nonsense",)),
        (
            ("walkforward", "ema_cross", "--data", "sample:AAPL", "--train", "0", "--test", "9"),
            ("train", "0", "at least 1"),
        ),
        (("walkforward", "ema_cross", "--data", "sample:AAPL", "--train", "9", "--test", "-1"), ("test", "-1")),
        (
            ("walkforward", "ema_cross", "--data", "sample:AAPL", "--train", "9999", "--test", "9"),
            ("9999", "3270 bars"),
        ),
        (
            ("walkforward", "ema_cross", "--data", "sample:AAPL", "--train", "500", "--test", "99", "--metric", "luck"),
            ("metric", "luck", "sharpe"),
        ),
        (
            (
                "walkforward",
                "ema_cross",
                "--data",
                "sample:AAPL",
                "--train",
                "500",
                "--test",
                "99",
                "--grid",
                "fast=1:2",
            ),
            ("fast", "1"),
        ),
        ((*BACKTEST, "--lot", "1e-400"), ("lot", "1e-400")),
        ((*BACKTEST, "--cash", "1e-400"), ("cash", "1e-400")),
        ((*BACKTEST, "--per-share", "1e400"), ("per_share", "1e400")),
        ((*BACKTEST, "--size", "shares:1e400"), ("size", "1e15")),
        ((*BACKTEST, "--report", "no/such/folder/r.html"), ("--report", "folder")),
        (
            ("walkforward", "ema_cross", "--data", "sample:AAPL", "--train", "9999y", "--test", "9y"),
            ("train", "3270 bars"),
        ),
        (
            (
                "walkforward",
                "ema_cross",
                "--data",
                "sample:AAPL",
                "--train",
                "9",
                "--test",
                "9",
                "--set",
                "fast=4",
                "--grid",
                "fast=4:6:1",
            ),
            ("fast", "searched and set"),
        ),
        (("runs", "list", "--limit", "99999999999999999999"), ("--limit",)),
        (("runs", "show", "01234567"), ("01234567", "runs list")),
        (("runs", "rerun", "nothing"), ("nothing",)),
        (("runs", "list", "--limit", "0"), ("--limit", "0")),
        (("replay", "ema_cross", "--data", "sample:AAPL", "--last-days", "x"), ("--last-days", "x")),
    ],
)
def test_wrong_use_names_the_thing_its_value_and_what_to_do(
    shell: Shell, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(shell(*arguments), *words)
    refused(shell(*arguments, "--json") if arguments != ("nonsense",) else shell(*arguments), *words)


HEAD = "time,open,high,low,close,volume"
GOOD = ["2024-01-01T00:00:00Z,10,11,9,10,5", "2024-01-02T00:00:00Z,10,11,9,10,5", "2024-01-03T00:00:00Z,10,11,9,10,5"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("is empty",)),
        (HEAD, ("holds no bars",)),
        ("\n".join([HEAD.replace(",close", ""), "2024-01-01T00:00:00Z,10,11,9,5"]), ("column close", "is missing")),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,10,11,9,,5"]), ("missing", "close nan", "2024-01-04")),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,10,11,9,NaN,5"]), ("missing", "close nan", "2024-01-04")),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,10,11,9,inf,5"]), ("close", "not finite")),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,10,11,9,ten,5"]), ("ten", "row 4", "is no number")),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,10,11,-9,10,5"]), ("not above 0", "2024-01-04")),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,10,9,11,10,5"]), ("high below low", "2024-01-04")),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,12,11,9,10,5"]), ("outside low to high",)),
        ("\n".join([HEAD, *GOOD, "2024-01-04T00:00:00Z,10,11,9,10,-5"]), ("volume below 0",)),
        ("\n".join([HEAD, *GOOD, GOOD[2]]), ("duplicate time", "2024-01-03")),
        ("\n".join([HEAD, GOOD[1], GOOD[0], GOOD[2]]), ("out of order", "2024-01-01")),
        ("\n".join([HEAD, *(g.replace("Z", "") for g in GOOD)]), ("no zone", "--tz")),
        ("\n".join([HEAD, *GOOD[:2], GOOD[2].replace("Z", "")]), ("row 3", "zone")),
        ("\n".join([HEAD, *GOOD, "yesterday,10,11,9,10,5"]), ("yesterday", "row 4")),
        ("\n".join([HEAD, "1704067200,10,11,9,10,5"]), ("1704067200", "ISO 8601")),
        ('"\x00\x01\x02', ("prices.csv",)),
    ],
)
def test_bad_prices_are_refused_with_every_fault_named(
    shell: Shell, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(text)
    refused(shell("backtest", "sma_cross", "--data", f"csv:{path}"), str(path), *words)


def test_a_file_that_is_not_there_or_is_a_folder(shell: Shell, tmp_path: Path) -> None:
    refused(shell("backtest", "sma_cross", "--data", "csv:gone.csv"), "gone.csv", "does not exist")
    refused(shell("backtest", "sma_cross", "--data", f"csv:{tmp_path}"), "is a folder")
    refused(shell("backtest", "sma_cross", "--data", "parquet:gone.parquet"), "gone.parquet")
    (tmp_path / "no.parquet").write_text("not parquet")
    refused(shell("backtest", "sma_cross", "--data", f"parquet:{tmp_path / 'no.parquet'}"), "no.parquet", "Parquet")


def test_a_home_that_cannot_be_written(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "file"))
    refused(shell(*BACKTEST), str(tmp_path / "file"), "WORKBENCH_HOME")
    refused(shell("runs", "list"), str(tmp_path / "file"), "WORKBENCH_HOME")


def test_a_settings_file_with_an_unknown_key(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "workbench.toml").write_text("live_histroy = 10\n")
    refused(shell("plugins"), "live_histroy", "workbench.toml", "live_history")


STRATEGIES = """
from workbench import Signals, Strategy
class Raises(Strategy):
    def signals(self, bars):
        raise RuntimeError("oh no")
class WrongLength(Strategy):
    def signals(self, bars):
        return Signals(entries=[True])
class NoSignals(Strategy):
    def signals(self, bars):
        return [True] * len(bars)
class Prices(Strategy):
    def signals(self, bars):
        return Signals(entries=bars.close)
class BadStop(Strategy):
    def signals(self, bars):
        return Signals(entries=bars.close > 0, stop=-1.0)
class Abstract(Strategy):
    pass
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Raises", ("RuntimeError: oh no",)),
        ("WrongLength", ("entries", "(1,)", "60 bars")),
        ("NoSignals", ("list", "Signals")),
        ("Prices", ("entries", "true and false")),
        ("BadStop", ("stop", "-1.0", "above 0")),
        ("Abstract", ("no signals method",)),
        ("Absent", ("Absent", "Raises")),
    ],
)
def test_a_strategy_that_answers_wrongly_is_named(
    shell: Shell, tmp_path: Path, prices: Path, name: str, words: tuple[str, ...]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(STRATEGIES)
    refused(shell("backtest", f"{file}:{name}", "--data", f"csv:{prices}"), name, *words)


@pytest.mark.parametrize("text", ["def broken(:\n", "raise SystemExit(0)\n", "import surely_not_there\n", "1 / 0\n"])
def test_a_strategy_file_that_cannot_be_loaded(shell: Shell, tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    refused(shell("backtest", f"{file}:Mine", "--data", "sample:AAPL"), "mine.py:Mine", "raised")
