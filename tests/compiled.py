"""Have the compiled passes compiled once, before processes that would each take half a minute for it."""

import tempfile

from workbench import open_workbench

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        bench = open_workbench(home)
        bench.backtest("sma_cross", "sample:AAPL", record=False)
        bench.sweep("sma_cross", "sample:AAPL", grid=["fast=5:10:5"], record=False)
        bench.trading.database.close()
