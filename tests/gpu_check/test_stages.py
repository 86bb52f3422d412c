"""Stages of a check: speeds become factors, and what fails does not stop what follows."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace

import pytest

from repro.gpu_check import stages as module
from repro.gpu_check.box import Box
from repro.gpu_check.made import Order
from repro.gpu_check.process import FACTOR, Check
from repro.gpu_check.stages import check_tables, go_through, learn_speeds


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
    assert check.factors["top_down"] == {1: 0.5, 4: 0.25}
    assert check.factors["bottom_up"] == {1: FACTOR}  # what is assumed: no loop of hgr was measured
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


TABLE = """
import json, pathlib, sys
print("READY")
told = json.loads(input())
print("TRAINED", json.dumps({"ratio": 2.0, "told": told}))
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
(folder / "table.md").write_text("made")
print("RESULT", json.dumps({"state": "written", "folder": str(folder)}))
"""


@pytest.mark.parametrize(("jobs", "factors"), [(1, {"1": 0.5, "4": 0.25}), (4, {"1": 0.5, "4": 0.5})])
def test_tables_share_the_time_and_their_folders_are_kept(check, tmp_path, monkeypatch, jobs, factors):
    # with two lanes each has half of the device: twice the factor of four side by side
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "results"))
    orders = []

    def begin(order, **options):
        orders.append(order)
        place = tmp_path / "results" / order.paper / f"table{order.table}" / "one"
        return check.begin([sys.executable, "-uc", TABLE, str(place)], **options)

    monkeypatch.setattr(check, "begin_order", begin)
    check.order = replace(check.order, jobs=jobs)
    check.factors = {kind: {1: 0.5, 4: 0.25} for kind in ("top_down", "bottom_up")}
    check_tables(check, [("hgr", 4, ""), ("skeletal", 3, ""), ("cal", 8, "w32")], 3)
    notes = json.loads((check.box.folder / "check.json").read_text())["tables"]
    assert {name: one["state"] for name, one in notes.items()} == dict.fromkeys(
        ("hgr 4", "skeletal 3", "cal 8 w32"), "written"
    )
    assert notes["hgr 4"]["told"]["factors"] == factors
    assert {order.jobs for order in orders} == {max(1, jobs // 2)}
    # two tables of persons shared what is left: 60 s less 35 for the last folder, and the second was told a doubled factor
    if jobs > 1:
        assert 4 < notes["skeletal 3"]["told"]["seconds"] <= 0.8 * 25 / 2
        assert notes["cal 8 w32"]["told"]["factors"] == {"1": 1.0, "4": 1.0}
    assert (check.box.folder / "results-1.tar.gz").exists()
