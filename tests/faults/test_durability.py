"""A system-call trace: what was answered or sent was on disk before. SIGKILL cannot show that; fdatasync can."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from workbench import open_workbench

ROOT = Path(__file__).resolve().parents[2]
STRACE = shutil.which("strace")
ALERTS = 6
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(STRACE is None, reason="strace is not installed: the trace cannot be taken"),
]


def strace(trace: Path, *arguments: str) -> list[str]:
    calls = "trace=fdatasync,fsync,sendto,sendmsg,write,writev"
    traced = [str(STRACE), "-f", "-qq", "-s", "80", "-e", calls, "-o", str(trace)]
    return [*traced, sys.executable, "-m", "tests.faults.traced", *arguments]


def syncs_before(trace: Path, mark: str) -> list[int]:
    """How often the disk was waited for before each line that holds the mark, since the one before it."""
    counts, since = [], 0
    for line in trace.read_text(errors="replace").splitlines():
        if re.search(r"(fdatasync|fsync)(\(.*\) += 0| resumed)", line):
            since += 1
        elif mark in line and re.search(r"(sendto|sendmsg|write|writev)\(", line):
            counts.append(since)
            since = 0
    return counts


def sends(tmp_path: Path, sync: str) -> list[int]:
    trace = tmp_path / "trace"
    subprocess.run(strace(trace, "send", str(tmp_path / "home"), sync), cwd=ROOT, check=True)
    return syncs_before(trace, "ORDER ")


def answers(tmp_path: Path, sync: str) -> list[int]:
    home, trace = tmp_path / "home", tmp_path / "trace"
    desk = open_workbench(home).trading
    hook = desk.webhooks.create_hook("traced", "ema_cross")
    desk.database.close()
    command = strace(trace, "serve", str(home), sync, "0")
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        address = server.stdout.readline().decode().strip().partition(": ")[2]
        for i in range(ALERTS):
            body = json.dumps({"ticker": "AAPL", "action": "buy", "alert_id": str(i)}).encode()
            request = urllib.request.Request(f"{address}/hooks/{hook['token']}", body)
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 202
        server.stdin.close()
        server.wait(60)
    return syncs_before(trace, "HTTP/1.1 202")


def test_an_intent_and_its_authorisation_are_on_disk_before_each_send(tmp_path: Path) -> None:
    found = sends(tmp_path, "full")
    assert len(found) == 5
    assert all(count >= 2 for count in found), found


def test_a_send_without_waiting_for_the_disk_is_found_out(tmp_path: Path) -> None:
    found = sends(tmp_path, "off")
    assert len(found) == 5
    assert not all(count >= 2 for count in found), found


def test_an_alert_is_on_disk_before_each_answer(tmp_path: Path) -> None:
    found = answers(tmp_path, "full")
    assert len(found) == ALERTS
    assert all(count >= 1 for count in found), found


def test_an_answer_without_waiting_for_the_disk_is_found_out(tmp_path: Path) -> None:
    found = answers(tmp_path, "off")
    assert len(found) == ALERTS
    assert not all(count >= 1 for count in found), found
