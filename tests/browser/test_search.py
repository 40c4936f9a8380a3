"""Searches by clicks: a sweep, one that is cancelled, one that cannot be, and how likely what was found is luck."""

from __future__ import annotations

import re
from typing import Any

import pytest
from workbench_apps.jobs import Job, Jobs
from workbench_apps.search_asked import options_of, pairs_of, whole

from tests.browser.conftest import bench_of, click_until, wait_until
from tests.browser.test_app import no_sideways_scroll
from workbench import BadInput, Refused

AXES = "Values to try"


def open_form(page: Any, served: str) -> None:
    page.goto(f"{served}/research")
    page.locator(".bk-tab", has_text="New search").click()
    page.get_by_role("button", name="Start the sweep").wait_for()


def start(page: Any, kind: str = "sweep") -> None:
    page.get_by_role("button", name=f"Start the {kind}").click()


def test_a_sweep_by_clicks_shows_heatmap_best_sets_and_how_likely_it_is_luck(
    page: Any, served: str, in_research: Any
) -> None:
    open_form(page, served)
    page.get_by_label(AXES).fill("fast=6:12:3\nslow=24:48:12")
    start(page)
    said = page.locator(".search-said")
    said.get_by_text(re.compile("Done: 9 sets")).wait_for()
    best = page.locator(".best-sets .tabulator-row")
    best.nth(8).wait_for()
    page.locator(".best-sets").get_by_text("Neighbours", exact=True).wait_for()
    page.locator(".heatmap .bk-Figure canvas").first.wait_for()
    page.get_by_label("Heatmap: figure").select_option("max drawdown")
    page.locator(".bk-tab", has_text="Peak or plateau").click()
    page.locator(".neighbours .bk-Figure canvas").first.wait_for()

    page.locator(".bk-tab", has_text="Luck").click()
    page.get_by_text("Not asked yet.").wait_for()
    page.get_by_label("Random orders of the bars").fill("5")
    page.get_by_role("button", name="How likely is it luck?").click()
    page.locator(".luck-said", has_text="Done").wait_for()
    found = page.locator(".luck-found")
    found.get_by_text("Probability of backtest overfitting (CSCV)").wait_for()
    found.locator(".bk-Figure canvas").first.wait_for()
    page.set_viewport_size({"width": 400, "height": 900})
    assert no_sideways_scroll(page)
    page.set_viewport_size({"width": 1400, "height": 900})

    page.locator(".bk-tab", has_text="Runs").click()  # the judgement is a run of its own
    judged = page.locator(".tabulator-row", has_text="overfit").locator("[tabulator-field=strategy]")
    click_until(judged, page.get_by_text(re.compile("of the sweep .*, judged")))
    with bench_of(in_research) as bench:
        (sweep,), (luck,) = bench.registry.find(kind="sweep"), bench.registry.find(kind="overfit")
    assert (sweep.metrics["sets"], sweep.metrics["cancelled"]) == (9, False)
    assert luck.spec["of"] == sweep.run_id
    assert luck.spec["how"]["permutations"] == 5


def test_a_cancelled_sweep_keeps_what_was_done_and_a_job_outlives_its_page(
    page: Any, served: str, in_research: Any
) -> None:
    with bench_of(in_research) as bench:
        count = len(bench.registry.find()) + 1
    open_form(page, served)
    page.get_by_label(AXES).fill("fast=2:100:1\nslow=101:400:3")
    page.get_by_label("Which sets").select_option("learning from what it saw (bayes)")
    page.get_by_label("Sets to try").fill("9,000")
    start(page)
    page.locator(".dock", has_text=re.compile(r"of [\d,]+ sets")).wait_for()
    page.get_by_role("button", name="A job is going on").wait_for()
    page.reload()
    page.locator(".dock", has_text="Sweep of ema_cross on sample:AAPL").wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator(".dock").wait_for(state="hidden")
    page.get_by_text(f"{count} of {count} runs").wait_for()
    row = page.locator(".tabulator-row", has_text="sweep").first.locator("[tabulator-field=strategy]")
    page.locator(".tabulator-row").first.wait_for()  # the table draws no more rows than it shows
    click_until(row, page.locator(".run-view .tile", has_text="cancelled"))
    page.locator(".best-sets .tabulator-row").first.wait_for()
    with bench_of(in_research) as bench:
        run = bench.registry.find(kind="sweep")[0]
    assert run.metrics["cancelled"]
    assert 0 < run.metrics["sets"] < 9_000


def test_a_bad_axis_is_told_beside_the_form_what_was_typed_stays_and_once_it_is_right_the_walk_shows_its_windows(
    page: Any, served: str
) -> None:
    open_form(page, served)
    page.get_by_role("button", name="Walk-forward", exact=True).click()
    page.get_by_label(AXES).fill("slwo=24:48:24")
    page.get_by_label("What must hold").fill("slow >= 2 * fast")
    page.get_by_label("Cost model").select_option("crypto")
    start(page, "walk-forward")
    said = page.locator(".search-said .alert.bad")
    said.get_by_text("slwo: unknown; known: fast, shorts, slow; did you mean slow?").wait_for()
    assert page.get_by_label(AXES).input_value() == "slwo=24:48:24"
    assert page.get_by_label("What must hold").input_value() == "slow >= 2 * fast"

    page.get_by_label(AXES).fill("slow=24:48:24")
    start(page, "walk-forward")
    page.locator(".search-said", has_text=re.compile(r"Done: \d+ windows")).wait_for()
    page.locator(".tile", has_text="Degradation").wait_for()
    page.locator(".tile", has_text="Overfitting (PBO)").wait_for()
    page.locator(".bk-tab", has_text="Windows").click()
    page.get_by_text("sharpe in test").wait_for()
    page.locator(".bk-tab", has_text="Luck").click()
    page.get_by_text("none: it is worked out by workbench overfit alone").first.wait_for()


def test_jobs_run_one_at_a_time_and_end_with_what_they_found_or_their_error() -> None:
    jobs = Jobs()

    def count(report: Any, cancelled: Any) -> int:
        done = 0
        while not cancelled():
            done += 1
            report("sweep", done, 10**9)
        return done

    job = jobs.begin("counting", count)
    with pytest.raises(Refused, match="counting is still going on"):
        jobs.begin("another", count)
    wait_until(lambda: job.progress.rate, "a rate")
    assert job.progress.seconds_left(job.progress.at)
    jobs.stop(10)
    assert job.has_ended
    assert job.is_cancelled
    assert job.result == job.progress.done
    failing = Job("failing", lambda report, cancelled: 1 // 0)
    failing.run()
    assert isinstance(failing.error, ZeroDivisionError)
    assert jobs.running is None


def test_what_cannot_be_read_is_refused_by_name() -> None:
    assert pairs_of("parameter", " a = 1 \n\nb=x=y") == {"a": "1", "b": "x=y"}
    for text in ("a", "=1", "a=", "a=1\na=2"):
        with pytest.raises(BadInput, match="parameter"):
            pairs_of("parameter", text)
    assert whole("trials", "1,000") == 1000
    assert whole("trials", "") is None
    with pytest.raises(BadInput, match="trials"):
        whole("trials", "many")
    assert options_of("size=percent:50", {"fees": ""}) == {"size": "percent:50"}
    with pytest.raises(BadInput, match="did you mean cash"):
        options_of("cahs=1", {})
