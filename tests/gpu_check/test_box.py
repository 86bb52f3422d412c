"""The files of a check are whole whenever they are looked at, and no larger than what can be brought home."""

from __future__ import annotations

import json
import tarfile

from repro.gpu_check import box as module
from repro.gpu_check.box import Box


def result(tmp_path, monkeypatch, name, content=b"x"):
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "results"))
    folder = tmp_path / "results" / "cal" / "table8" / name
    folder.mkdir(parents=True)
    (folder / "runs.json").write_bytes(content)
    return folder


def names(archive):
    with tarfile.open(archive) as opened:
        return [member.name for member in opened if member.isfile()]


def test_results_are_packed_as_they_lie_in_results(tmp_path, monkeypatch):
    box = Box(tmp_path / "out")
    box.add_result(result(tmp_path, monkeypatch, "one"))
    box.add_result(result(tmp_path, monkeypatch, "two"))
    assert names(tmp_path / "out" / "results-1.tar.gz") == ["cal/table8/one/runs.json", "cal/table8/two/runs.json"]


def test_a_full_archive_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACKED", 1000)
    box = Box(tmp_path / "out")
    noise = bytes((i * i * 7 + i // 3) % 251 for i in range(900))
    for name in ("one", "two"):
        box.add_result(result(tmp_path, monkeypatch, name, noise + name.encode()))
    assert names(tmp_path / "out" / "results-1.tar.gz") == ["cal/table8/one/runs.json"]
    assert names(tmp_path / "out" / "results-2.tar.gz") == ["cal/table8/two/runs.json"]


def test_unfinished_trainings_leave_recipe_and_log_and_no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "runs" / "abc.partial"
    folder.mkdir(parents=True)
    for name in ("recipe.json", "log.jsonl", "state.safetensors"):
        (folder / name).write_text("{}")
    box = Box(tmp_path / "out")
    box.add_trainings()
    assert names(tmp_path / "out" / "trainings.tar.gz") == ["abc.partial/log.jsonl", "abc.partial/recipe.json"]


def test_notes_of_stages_are_kept_together(tmp_path):
    box = Box(tmp_path)
    box.note("tables", hgr={"length": 0.5})
    box.note("tables", cal={"length": 0.1})
    assert json.loads((tmp_path / "check.json").read_text()) == {
        "tables": {"hgr": {"length": 0.5}, "cal": {"length": 0.1}}
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["check.json", "log.txt"]
