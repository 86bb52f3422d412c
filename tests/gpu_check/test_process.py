"""Processes of a check: what they say is heard in time, and none outlives its time."""

from __future__ import annotations

import os
import sys
import time

from repro.gpu_check.box import Box
from repro.gpu_check.process import Process


def python(tmp_path, text, **options):
    return Process(Box(tmp_path), [sys.executable, "-uc", text], dict(os.environ), **options)


def test_a_process_is_told_when_it_is_ready(tmp_path):
    process = python(tmp_path, "print('READY'); import json; print('RESULT', json.dumps({'got': json.loads(input())}))")
    assert process.wait(20, "READY")
    process.tell(seconds=3)
    assert process.wait(20, "RESULT")
    assert process.result == {"got": {"seconds": 3}}
    process.end()


def test_one_that_goes_on_is_ended_with_its_children(tmp_path):
    text = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print('CHILD', p.pid); p.wait()"
    process = python(tmp_path, text)
    assert process.wait(20, "CHILD")
    assert not process.wait(0.05, "RESULT")
    assert process.end() is None
    child = int(process.said("CHILD"))
    for _ in range(100):
        if not _runs(child):
            break
        time.sleep(0.05)
    assert not _runs(child)
    assert process.result == {"state": "its time was over"}


def test_a_failure_is_told_and_its_lines_are_kept(tmp_path):
    process = python(tmp_path, "print('before'); raise SystemExit(3)", keep=tmp_path / "tests.txt")
    assert process.wait(20)
    assert process.end() == 3
    assert process.result == {"state": "failed with exit code 3: see log.txt"}
    assert (tmp_path / "tests.txt").read_text() == "before\n"
    assert "before" in (tmp_path / "log.txt").read_text()


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
