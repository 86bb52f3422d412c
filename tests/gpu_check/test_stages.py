"""Stages of a check: speeds become factors, and what fails does not stop what follows."""

from __future__ import annotations

import json
import os
import time

import pytest

from repro.gpu_check import stages as module
from repro.gpu_check.box import Box
from repro.gpu_check.made import Order
from repro.gpu_check.process import Check
from repro.gpu_check.stages import go_through, learn_speeds


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RUNS", str(tmp_path / "runs"))
    order = Order(what="", scale="smoke", persons=8, scenes=8, device="cpu")
    return Check(Box(tmp_path / "out"), time.monotonic() + 60, 60.0, order, dict(os.environ))


def test_factors_are_measured_over_estimated_seconds(check, tmp_path):
    file = tmp_path / "gpu.csv"
    file.write_text(
        "kind,network,mode,side_by_side,images_per_second,estimated_image_ms\n"
        "loop,w32,graph,1,500,4\n"  # 2 ms an image, 4 estimated
        "loop,w32,graph,4,1000,4\n"
        "loop,w32,graph,1,2500,1\n"  # 0.4 of 1 ms: the slower one counts
        "loop,w32,eager,1,100,4\n"  # tables are not trained so
        "loop,hgr,eager,1,,8\n"
        "step,hgr,eager,1,1000,8\n"
    )
    learn_speeds(check, file)
    assert check.factors["crops"] == {1: 0.5, 4: 0.25}
    assert check.factors["scenes"] == {1: 0.2}  # what is assumed: no loop of hgr was measured
    assert check.rate == 2500


def test_a_stage_that_fails_is_told_and_the_next_begins(check, monkeypatch):
    def fail(check):
        raise RuntimeError("no driver")

    monkeypatch.setattr(module, "check_tests", fail)
    monkeypatch.setattr(module, "check_warm", lambda check: check.box.note("warm", state="made"))
    go_through(check, ["tests", "warm"], [], 0)
    notes = json.loads((check.box.folder / "check.json").read_text())
    assert notes["tests"] == {"failed": "RuntimeError: no driver"}
    assert notes["warm"] == {"state": "made"}
    assert set(notes["seconds"]) == {"tests", "warm"}


def test_tables_need_their_packages(check, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "papermill" else object())
    go_through(check, ["tables"], [("hgr", 4, "")], 1)
    notes = json.loads((check.box.folder / "check.json").read_text())
    assert notes["tables"] == {"state": "not begun, packages are missing: papermill"}
