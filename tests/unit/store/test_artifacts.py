"""Artifacts: files named with care, in place before the row that promises them, and checked when read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from workbench.errors import BadInput, UnknownName
from workbench.ports import Artifact, Trial
from workbench.store import SqlRunRegistry

from .samples import EQUITY, REPORT, count, files, in_process, make_run, trials_of


def test_artifacts_are_files_named_in_the_record(registry: SqlRunRegistry, folder: Path) -> None:
    run = make_run()
    registry.add(run, [EQUITY, REPORT])
    assert registry.get(run.run_id).artifacts == ("Report-1.html", "equity.csv")
    assert registry.artifact(run.run_id, "Report-1.html") == REPORT.content
    assert (folder / run.run_id / "equity.csv").read_bytes() == EQUITY.content
    assert files(folder) == ["Report-1.html", "equity.csv"]


def test_a_run_without_artifacts_makes_no_folder(registry: SqlRunRegistry, folder: Path) -> None:
    registry.add(make_run())
    assert not folder.exists()


def test_a_record_may_name_its_artifacts_if_it_names_them_all(registry: SqlRunRegistry) -> None:
    run = make_run(artifacts=("Report-1.html", "equity.csv"))
    registry.add(run, [EQUITY, REPORT])
    assert registry.get(run.run_id) == run
    with pytest.raises(BadInput, match=r"^run artifacts equity\.csv: are not those given; given: none$"):
        registry.add(make_run(artifacts=("equity.csv",)))


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/b", "a\\b", "/etc/passwd", "a..b", ".hidden", "C:x", "a\0", "a\n", "end.", "x" * 129],
)
def test_an_artifact_name_that_is_no_file_name_is_refused(registry: SqlRunRegistry, folder: Path, name: str) -> None:
    with pytest.raises(BadInput, match="is not a file name; use up to 128 letters"):
        registry.add(make_run(), [Artifact(name, "text/plain", b"")])
    assert not folder.exists()


def test_an_artifact_name_given_twice_is_refused(registry: SqlRunRegistry) -> None:
    with pytest.raises(BadInput, match=r"^artifact EQUITY\.csv: is given twice"):
        registry.add(make_run(), [EQUITY, replace(EQUITY, name="EQUITY.csv")])


def test_an_unknown_artifact_is_told_with_those_there_are(registry: SqlRunRegistry) -> None:
    run = make_run()
    registry.add(run, [EQUITY])
    with pytest.raises(UnknownName, match=r"^artifact equity\.txt: unknown; known: equity\.csv; did you mean"):
        registry.artifact(run.run_id, "equity.txt")


def test_a_file_that_was_changed_or_removed_is_told(registry: SqlRunRegistry, folder: Path) -> None:
    run = make_run()
    registry.add(run, [EQUITY])
    file = folder / run.run_id / "equity.csv"
    file.write_bytes(EQUITY.content + b" ")
    with pytest.raises(BadInput, match=r"^artifact .*equity\.csv: was changed \(SHA-256 .*; restore the file"):
        registry.artifact(run.run_id, "equity.csv")
    file.unlink()
    with pytest.raises(BadInput, match=r"cannot be read \(No such file or directory\); restore the file"):
        registry.artifact(run.run_id, "equity.csv")


def test_a_folder_that_cannot_be_written_is_told_and_keeps_nothing(
    registry: SqlRunRegistry, engine: Engine, folder: Path
) -> None:
    folder.write_text("a file")
    with pytest.raises(BadInput, match=r"^artifacts folder .*: cannot be written \(Not a directory\); choose another"):
        registry.add(make_run(), [EQUITY])
    assert count(engine)["runs"] == 0


# ---- all or nothing --------------------------------------------------------------------------------------------------


def test_the_files_are_in_place_before_the_commit(registry: SqlRunRegistry, engine: Engine, folder: Path) -> None:
    seen: list[list[str]] = []
    event.listen(engine, "commit", lambda connection: seen.append(files(folder)))
    registry.add(make_run(), [EQUITY, REPORT])
    assert seen == [["Report-1.html", "equity.csv"]]


def test_trials_that_fail_half_way_keep_nothing(registry: SqlRunRegistry, engine: Engine, folder: Path) -> None:
    run = make_run()

    def failing() -> Iterator[Trial]:
        yield from trials_of(run, "p1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        registry.add(run, [EQUITY], failing())
    assert count(engine) == {"runs": 0, "artifacts": 0, "trials": 0, "search_log": 0}
    assert not folder.exists()


def test_a_commit_that_fails_leaves_files_without_a_row_and_the_run_can_be_added_again(
    registry: SqlRunRegistry, engine: Engine, folder: Path
) -> None:
    def fail(connection: object) -> None:
        raise ZeroDivisionError

    run = make_run()
    event.listen(engine, "commit", fail)
    with pytest.raises(ZeroDivisionError):
        registry.add(run, [EQUITY], trials_of(run, "p1"))
    event.remove(engine, "commit", fail)
    assert count(engine) == {"runs": 0, "artifacts": 0, "trials": 0, "search_log": 0}
    assert files(folder) == ["equity.csv"]
    registry.add(run, [replace(EQUITY, content=b"second")], trials_of(run, "p1"))
    assert registry.artifact(run.run_id, "equity.csv") == b"second"
    assert registry.trials(run.family) == 1


@pytest.mark.parametrize("where", ["replace", "commit"])
def test_a_process_that_dies_leaves_files_without_a_row_never_a_row_without_files(
    registry: SqlRunRegistry, engine: Engine, tmp_path: Path, folder: Path, where: str
) -> None:
    done = in_process(
        """
        import os
        from sqlalchemy import event
        if sys.argv[2] == "commit":
            event.listen(engine, "commit", lambda connection: os._exit(9))
        else:
            os.replace = lambda *paths: os._exit(9)
        registry.add(run("p1"), [Artifact("a.txt", "text/plain", b"a")], [trial("p1")])
        """,
        tmp_path,
        where,
    )
    assert done.wait(60) == 9
    assert len(files(folder)) == 1
    assert count(engine) == {"runs": 0, "artifacts": 0, "trials": 0, "search_log": 0}
    registry.add(make_run(), [EQUITY])
