"""The bundled data sources: sample, CSV and Parquet, and real files where they are at hand."""

from __future__ import annotations

import gzip
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from workbench_plugins.csv_files import workbench_data_sources as csv_records
from workbench_plugins.file_sources import CsvSource, ParquetSource
from workbench_plugins.parquet_files import workbench_data_sources as parquet_records
from workbench_plugins.sample import workbench_data_sources as sample_records
from workbench_plugins.sample_source import SampleSource

from workbench.data import PriceHistory, load_history
from workbench.errors import BadInput, DataFault, UnknownName
from workbench.ports import DataRequest, DataSource
from workbench.testing import check_data_source, check_plugin_import

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
BARS = "time,open,high,low,close,volume\n2024-01-02,10,12,9,11,100\n2024-01-03,11,13,10,12,200\n"


def load_file(path: Path, **request: object) -> PriceHistory:
    source = ParquetSource() if path.suffix == ".parquet" else CsvSource()
    return load_history(path.suffix[1:], source, DataRequest(str(path), **request))  # type: ignore[arg-type]


def written(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# ---- records ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "name", "source"),
    [
        (sample_records, "sample", SampleSource),
        (csv_records, "csv", CsvSource),
        (parquet_records, "parquet", ParquetSource),
    ],
)
def test_a_record_leads_to_its_source(records: object, name: str, source: type) -> None:
    (record,) = records()  # type: ignore[operator]
    assert (record.name, record.resolve()) == (name, source)
    assert isinstance(record.resolve()(), DataSource)


@pytest.mark.parametrize("module", ["sample", "csv_files", "parquet_files"])
def test_an_entry_point_imports_nothing_heavy(module: str) -> None:
    check_plugin_import(f"workbench_plugins.{module}")


def test_importing_the_data_package_leaves_pandas_and_the_calendars_out() -> None:
    code = "import sys, workbench.data; sys.exit(bool({'pandas', 'pandas_market_calendars'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- sample ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "bars", "first"),
    [("AAPL", 3270, "2000-03-01"), ("FB", 196, "2012-05-18"), ("GOOG", 2148, "2004-08-19"), ("IBM", 3270, "2000-03-01"),
     ("MSFT", 3270, "2000-03-01")],
)  # fmt: skip
def test_the_sample_passes_every_check(symbol: str, bars: int, first: str) -> None:
    history = load_history("sample", SampleSource(), DataRequest(symbol))
    assert history.report.findings == ()
    assert (history.bars, f"{history.start:%Y-%m-%d}", f"{history.end:%Y-%m-%d}") == (bars, first, "2013-03-01")
    assert (history.calendar, history.periods_per_year, str(history.as_of)) == ("NYSE", 252, "2013-03-01")
    assert (history.instrument.adjusted, history.instrument.lot, history.instrument.tick) == (True, 1, None)
    assert any("survivor-biased" in note for note in history.notes)
    assert any("adjusted for splits and dividends" in note for note in history.notes)


def test_the_sample_conforms() -> None:
    check_data_source(SampleSource())


def test_apples_split_of_2005_by_hand() -> None:
    # As supplied, the day before the split of 2 for 1 and the first day after it:
    #   2005-02-25  open 89.62  close 88.99  adjusted close 5.7182276557615
    #   2005-02-28  open 44.68  close 44.86  adjusted close 5.7651352430039
    history = load_history("sample", SampleSource(), DataRequest("AAPL"), start="2005-02-25", end="2005-02-28")
    assert history.close.tolist() == [5.71822766, 5.76513524]
    before = Decimal("89.62") * Decimal("5.7182276557615") / Decimal("88.99")
    after = Decimal("44.68") * Decimal("5.7651352430039") / Decimal("44.86")
    assert [history.bar(i).open for i in (0, 1)] == [round(before, 8), round(after, 8)]
    assert history.factor[1] / history.factor[0] == pytest.approx(2, rel=1e-9)
    assert history.open / history.factor == pytest.approx([89.62, 44.68], rel=1e-8)
    # The raw price halves; the research price rises by 2 × 44.86 ÷ 88.99 - 1.
    assert history.close[1] / history.close[0] - 1 == pytest.approx(2 * 44.86 / 88.99 - 1, abs=1e-8)


def test_the_sample_takes_a_lot_but_no_tick() -> None:
    source = SampleSource()
    assert source.load(DataRequest("IBM", lot=Decimal(10))).instrument.lot == 10
    with pytest.raises(BadInput, match="adjusted prices, which have no tick; leave it out"):
        source.load(DataRequest("IBM", tick=Decimal("0.01")))
    with pytest.raises(UnknownName, match="symbol TSLA: unknown; known: AAPL, FB, GOOG, IBM, MSFT"):
        source.load(DataRequest("TSLA"))


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_csv_file_loads(tmp_path: Path) -> None:
    history = load_file(written(tmp_path, BARS, "my prices, daily.csv"), lot=Decimal(5), tick=Decimal("0.5"))
    assert (history.symbol, history.bars, history.calendar) == ("my_prices_daily", 2, "always")
    assert (history.instrument.lot, history.instrument.tick, history.instrument.adjusted) == (5, Decimal("0.5"), False)
    assert history.volume.tolist() == [100, 200]
    assert (history.report.findings, history.notes) == ((), ())


@pytest.mark.parametrize("name", ["Date", " TIMESTAMP", "DateTime ", "time"])
def test_names_of_columns_are_lenient(tmp_path: Path, name: str) -> None:
    text = (
        BARS.replace("time,open,high", f"{name},Open, HIGH")
        .replace("volume", "Volume,Adj Close")
        .replace("00\n", "00,5\n")
    )
    assert load_file(written(tmp_path, text)).bars == 2


def test_a_byte_order_mark_and_spaces_do_no_harm(tmp_path: Path) -> None:
    assert load_file(written(tmp_path, "\ufeff" + BARS.replace(",", ", "))).bars == 2


def test_time_counts_before_date(tmp_path: Path) -> None:
    text = "date,time,open,high,low,close\nx,2024-01-02,10,12,9,11\n"
    assert load_file(written(tmp_path, text)).start.year == 2024


def test_the_same_prices_elsewhere_have_the_same_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, moved = written(tmp_path, BARS), written(tmp_path / "other", BARS)
    changed = written(tmp_path, BARS.replace("11,100", "11.01,100"), "changed.csv")
    assert load_file(first).fingerprint == load_file(moved).fingerprint != load_file(changed).fingerprint
    parquet = tmp_path / "prices.parquet"
    pd.read_csv(first).to_parquet(parquet)
    assert load_file(parquet).fingerprint == load_file(first).fingerprint


def test_decimals_arrive_exactly(tmp_path: Path) -> None:
    text = "time,open,high,low,close\n2024-01-02,0.00000852,0.1,0.00000851,0.07\n"
    bar = load_file(written(tmp_path, text)).bar(0)
    assert (bar.open, bar.low, bar.close) == (Decimal("0.00000852"), Decimal("0.00000851"), Decimal("0.07"))


def test_an_index_without_volume_trades_and_says_so(tmp_path: Path) -> None:
    zero = load_file(written(tmp_path, BARS.replace(",100", ",0").replace(",200", ",0")))
    assert zero.traded.all()
    assert zero.notes == ("volume is 0 throughout, as an index has it: every bar counts as traded",)
    for text in (
        BARS.replace(",volume", "").replace(",100", "").replace(",200", ""),
        BARS.replace("100", "").replace("200", ""),
    ):
        none = load_file(written(tmp_path, text))
        assert none.traded.all()
        assert np.isnan(none.volume).all()
        assert none.notes == ("no volume is known: every bar counts as traded",)
    one = load_file(written(tmp_path, BARS.replace(",100", ",0")))
    assert one.traded.tolist() == [False, True]


def test_a_factor_column_adjusts(tmp_path: Path) -> None:
    text = "time,open,high,low,close,factor\n2024-01-02,10,12,9,11,0.5\n"
    history = load_file(written(tmp_path, text))
    assert (history.instrument.adjusted, history.close.tolist()) == (True, [5.5])
    with pytest.raises(BadInput, match="adjusted prices, which have no tick"):
        load_file(written(tmp_path, text), tick=Decimal("0.01"))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for source in (CsvSource(), ParquetSource()):
        with pytest.raises(BadInput, match=r"^file nowhere\.csv: does not exist"):
            source.load(DataRequest("nowhere.csv"))
        with pytest.raises(BadInput, match="is a folder"):
            source.load(DataRequest(str(tmp_path)))
        assert source.symbols() == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("time,open,high,low,close\n", "holds no bars"),
        (BARS.replace(",", ";"), "column time, open, high, low, close is missing"),
        (BARS + "2024-01-04,1,2\n", "price missing or not finite|volume"),
        (BARS + "2024-01-04,1,2,1,2,5,6,7\n", "cannot be read as CSV"),
        (BARS.replace("100\n", "100,1\n").replace("200\n", "200,1\n"), "cannot be read as CSV"),
        (BARS.replace("close", "Open"), "column open twice"),
        (BARS.replace("11,100", "eleven,100"), "data row 1: close 'eleven' is no number"),
        (BARS.replace("2024-01-03", "03.01.2024"), "data row 2: time 03.01.2024 cannot be read"),
        (BARS.replace("2024-01-02", "20240102").replace("2024-01-03", "20240103"), "time is a number"),
    ],
)  # fmt: skip
def test_a_csv_file_with_a_fault_is_refused_in_one_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataFault, match=problem) as caught:
        load_file(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_binary_rubbish_is_refused_in_one_line(tmp_path: Path) -> None:
    rubbish = bytes(range(256)) * 40
    for name in ("x.csv", "x.parquet"):
        (tmp_path / name).write_bytes(rubbish)
        with pytest.raises(DataFault) as caught:
            load_file(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500
    (tmp_path / "empty.parquet").write_bytes(b"")
    with pytest.raises(DataFault, match="cannot be read as Parquet"):
        load_file(tmp_path / "empty.parquet")
    (tmp_path / "zipped.csv").write_bytes(gzip.compress(BARS.encode()))
    with pytest.raises(DataFault):
        load_file(tmp_path / "zipped.csv")


@pytest.mark.parametrize("index", ["time", "Date", None])
def test_the_time_of_a_parquet_file_may_be_its_index(tmp_path: Path, index: str | None) -> None:
    frame = pd.read_csv(written(tmp_path, BARS), parse_dates=["time"]).set_index("time").rename_axis(index=index)
    frame.to_parquet(tmp_path / "p.parquet")
    assert load_file(tmp_path / "p.parquet").bars == 2


def test_a_parquet_file_of_dates_and_decimals_loads(tmp_path: Path) -> None:
    frame = pd.read_csv(written(tmp_path, BARS), parse_dates=["time"])
    frame["time"] = frame["time"].dt.date
    frame["close"] = [Decimal("11.25"), Decimal("12.50")]
    frame.to_parquet(tmp_path / "p.parquet")
    assert load_file(tmp_path / "p.parquet").close.tolist() == [11.25, 12.5]


# ---- real files ------------------------------------------------------------------------------------------------------


def real(name: str) -> Path:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"the optional market data is absent: no {name} in ../shared/data")
    return path


def test_real_daily_bars_become_dates_of_nyse() -> None:
    history = load_file(real("us_equity/daily/AAPL.parquet"), calendar="NYSE")
    assert (history.bars, history.report.findings, f"{history.start}") == (5849, (), "1998-01-02 00:00:00+00:00")
    assert history.periods_per_year == 252


def test_real_hourly_bars_count_from_the_clock() -> None:
    history = load_file(real("us_equity/hour/SPY.parquet"), calendar="NYSE")
    found = {finding.kind: finding.count for finding in history.report.findings}
    assert (history.bars, history.periods_per_year, found) == (
        40832, 1764, {"gap": 2, "bar outside the sessions": 47},
    )  # fmt: skip


def test_real_indian_index_has_no_volume_and_prints_outside_the_session() -> None:
    history = load_file(real("india/minute/NIFTY50.parquet"), calendar="NSE", zone="Asia/Kolkata")
    assert history.traded.all()
    assert any("volume is 0 throughout" in note for note in history.notes)
    (finding,) = history.report.findings
    assert (finding.kind, finding.count, finding.first) == ("bar outside the sessions", 9, "2019-01-01T03:37:00Z")


def test_real_crypto_minutes_have_their_gaps_counted() -> None:
    history = load_file(real("crypto/minute/BTCUSD.parquet"))
    (gap,) = history.report.findings
    expected = (history.times[-1] - history.times[0]) // (60 * 10**9) + 1
    assert (gap.kind, gap.count) == ("gap", expected - history.bars)
