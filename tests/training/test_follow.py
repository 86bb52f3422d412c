"""What shows a training while it goes on: a CSV beside its log, and TensorBoard where it is asked for."""

from __future__ import annotations

import csv
import json
import sys

import pytest
import torch

from repro.approaches.base import approach_of
from repro.errors import ReproError
from repro.training.distributed import World
from repro.training.follow import board_of, wants_board, write_csv
from repro.training.loop import Job, train

from ..tiny_runs import tiny_recipe


def test_a_csv_has_a_column_a_name(tmp_path):
    log = [json.dumps({"epoch": 1, "loss": 0.5}), json.dumps({"epoch": 2, "loss": 0.25, "offset_loss": 1e-9})]
    write_csv(tmp_path / "log.csv", log)
    assert (tmp_path / "log.csv").read_text() == "epoch,loss,offset_loss\n1,0.5,\n2,0.25,1e-09\n"
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_a_training_leaves_its_log_as_csv_too(data, persons, tmp_path):
    recipe = tiny_recipe(data, epochs=2)
    train(recipe, approach_of(recipe), persons, tmp_path, Job(World(0, 1, torch.device("cpu"))))
    with (tmp_path / "log.csv").open(newline="") as file:
        lines = [{name: float(value) for name, value in line.items()} for line in csv.DictReader(file)]
    assert lines == [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert not (tmp_path / "tensorboard").exists()


@pytest.mark.parametrize(("given", "wanted"), [("", False), ("0", False), ("1", True), (" 1 ", True)])
def test_tensorboard_is_asked_for_by_a_variable(given, wanted, monkeypatch):
    monkeypatch.setenv("REPRO_TENSORBOARD", given)
    assert wants_board() is wanted
    monkeypatch.setenv("REPRO_TENSORBOARD", "yes")
    with pytest.raises(ReproError, match="REPRO_TENSORBOARD is 'yes', expected 1"):
        wants_board()


def test_where_it_is_not_installed_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_TENSORBOARD", "1")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ReproError, match="asks for TensorBoard, which is not installed"), board_of(tmp_path, 0):
        pass
    with board_of(tmp_path, 0, wanted=False) as board:  # of a process that does not lead
        board.add({"epoch": 1, "loss": 0.5})


def test_tensorboard_shows_each_term_over_the_epochs(tmp_path, monkeypatch):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setenv("REPRO_TENSORBOARD", "1")
    for done, last in ((0, 3), (2, 4)):  # a training that is stopped in its fourth epoch and goes on after its second
        with board_of(tmp_path, done) as board:
            for epoch in range(done + 1, last + 1):
                board.add({"epoch": epoch, "persons": 24 * epoch, "loss": done + 1 / epoch})
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert events.Tags()["scalars"] == ["loss"]
    found = [(one.step, one.value) for one in events.Scalars("loss")]
    assert found == [(1, 1.0), (2, 0.5), (3, pytest.approx(2 + 1 / 3)), (4, 2.25)]
