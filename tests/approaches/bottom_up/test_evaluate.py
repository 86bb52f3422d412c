"""Runs of bottom-up recipes: trained, scored and evaluated once, and the folder that a table leaves."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from repro.approaches.bottom_up import evaluate as scene_runs
from repro.approaches.bottom_up import samples as samples_of_scenes
from repro.approaches.bottom_up.evaluate import curve_name
from repro.approaches.bottom_up.predict import load_poses
from repro.approaches.samples import Samples
from repro.grouping.scores import ScoringTraining
from repro.recipe import SceneEvaluation, Scoring
from repro.reporting.outcome import Outcome
from repro.runs.run import Task, evaluated_together, folder, load_run
from repro.runs.schedule import Machine, make_runs
from repro.scales.scale import SCALES
from repro.tables import plan, reproduce, view
from repro.tables.current import earlier_rule
from repro.tables.reproduce import Request

from ...test_damage import cut, flip
from ...tiny_scenes import scene_data, scene_recipe, tiny_scenes
from .test_predict import true_poses

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def scenes():
    return tiny_scenes(4)


@pytest.fixture(scope="module")
def recipe(scenes):
    return scene_recipe(scene_data(scenes, scenes))


def scored(recipe, **changes):
    """The recipe with a scoring network."""
    training = ScoringTraining(batch=4, epochs=2)
    return recipe.but(evaluation=SceneEvaluation(flip=False, scoring=Scoring(training=training, **changes)))


def test_rows_with_and_without_scoring_share_a_training(scenes, recipe, places, monkeypatch):
    rows = [recipe, scored(recipe)]
    fitted, fit = [], scene_runs.fit_scorer
    monkeypatch.setattr(scene_runs, "fit_scorer", lambda *a, **k: fitted.append(a) or fit(*a, **k))
    make_runs(rows, Samples(scenes, scenes, frozenset({"oks"})), Machine(device="cpu", jobs=1))
    assert len({folder(row) for row in rows}) == 1 and len(fitted) == 1
    for row in rows:
        run = load_run(row)
        assert {"AP", "AR", "AP_regression", "AP_heatmap", "diagnosis/final/found"} <= set(run.metrics)
        assert {"OKS", "OKS_regression", "OKS_heatmap"} <= set(run.metrics)
        assert [point["persons"] for point in run.curve] == [4, 8] and {"AP", "OKS"} <= set(run.curve[0])
        poses = load_poses(run)
        assert poses.image_index.dtype.kind == "i" and poses.points.shape[1:] == (14, 2)
    make_runs(rows, Samples(scenes, scenes, frozenset({"oks"})), Machine(device="cpu", jobs=1))
    assert len(fitted) == 1


def test_rows_that_differ_in_scoring_alone_share_a_learning_curve(scenes, recipe, places, monkeypatch):
    measured, measure = [], scene_runs.measure_scenes
    monkeypatch.setattr(scene_runs, "measure_scenes", lambda *a, **more: measured.append(a) or measure(*a, **more))
    rows = [recipe.but(evaluation=SceneEvaluation(flip=False)), scored(recipe)]
    make_runs(rows, Samples(scenes, scenes, frozenset({"oks"})), Machine(device="cpu", jobs=1))
    assert len(measured) == 2 + 2  # two snapshots once, and both rows
    curves = [load_run(row).curve for row in rows]
    np.testing.assert_equal(curves[0], curves[1])
    assert [point["of"] for point in curves[0]] == [4, 4]


def test_rows_of_one_flip_test_are_evaluated_together(recipe):
    """Scales, scoring and how several scales are combined are read from the same maps; other flip tests see other images."""
    several = recipe.but(evaluation=replace(recipe.evaluation, scales=(0.5, 1.0), reading="averaged"))
    other = recipe.but(evaluation=replace(recipe.evaluation, flip=not recipe.evaluation.flip))
    task = Task(recipe, (recipe, scored(recipe), other, several))
    assert evaluated_together(task) == [[recipe, scored(recipe), several], [other]]


def test_curves_are_shared_by_what_they_are_measured_with(scenes, recipe):
    name = curve_name(recipe, scenes)
    several = SceneEvaluation(flip=recipe.evaluation.flip, scales=(0.5, 1.0), reading="averaged")
    assert curve_name(recipe.but(evaluation=several), scenes) == curve_name(scored(recipe), scenes) == name
    grouper = replace(recipe.method.decoder, radius=recipe.method.decoder.radius + 1)
    others = [
        recipe.but(evaluation=replace(recipe.evaluation, flip=not recipe.evaluation.flip)),
        recipe.but(evaluation=replace(recipe.evaluation, split="test")),
        recipe.but(method=recipe.method.but(decoder=grouper)),
    ]
    assert len({name, *(curve_name(one, scenes) for one in others), curve_name(recipe, tiny_scenes(3))}) == 5










@pytest.fixture
def drawn(monkeypatch):
    """Replaces drawn people by synthetic ones; the arguments of each call."""
    calls = []

    def load_images(name, root, split, **kept):
        calls.append({"split": split, **kept})
        return tiny_scenes(4 if split == "train" else 2, seed=len(split), skeleton=kept["skeleton"])

    monkeypatch.setattr(samples_of_scenes, "load_images", load_images)
    return calls


def test_scenes_of_a_table(drawn):
    scale = SCALES["laptop"]
    samples, data = plan.table_samples("hgr", 5, "people", None, scale)
    assert [(c["split"], c["limit"], c["size"]) for c in drawn] == [
        ("train", 2000, (256, 256)),
        ("test", 400, (256, 256)),
    ]
    assert all(c["settings"] == scale.scenes.people for c in drawn) and drawn[0]["skeleton"].name == "crowdpose14"
    assert (data.train_count, data.val_count, data.drawn) == (4, 2, scale.scenes.people.fingerprint())
    assert data.val_fingerprint == samples.val.fingerprint() and samples.measures == {"oks", "crowd"}


def test_a_table_that_is_counted_alone_leaves_a_folder_without_runs(places, monkeypatch):
    monkeypatch.setattr(reproduce, "run_notebook", lambda source, target, parameters: target.write_text("{}"))
    request = Request("hgr", 1, SCALES["smoke"], "people", None, (0,))
    place = reproduce.reproduce(request, Machine(device="cpu"))
    outcome = Outcome.read(place / "runs.json")
    assert outcome.runs == () and set(outcome.counted) == {
        *("hrhrnet-w48", "hgr-hrnet-w32", "hgr-hrnet-w48", "hgr-hrhrnet-w48")
    }
    assert {p.name for p in place.iterdir()} == {
        "manifest.json",
        "runs.json",
        "table.csv",
        "table.md",
        "notebook.ipynb",
    }
    text = (place / "table.md").read_text()
    assert "30.7 / 30.7" in text and "66.9 / 66.9" in text
    assert earlier_rule(outcome) == ""
    view.TableView(outcome, place).heading()


def test_examples_of_scenes_show_all_their_people(scenes, tmp_path):
    from repro.approaches.bottom_up.examples import draw_examples
    from repro.reporting.examples import read_examples, write_examples

    poses = true_poses(scenes)
    poses.scores[1] = 0.1  # less than three tenths of the best of its image
    nobody = poses.of_image(99)
    made = draw_examples(scenes, {"all": poses, "none": nobody})
    assert len(made) == 4 and made[0].size == (192, 192) and made[0].image.shape == (192, 192, 3)
    write_examples(made, tmp_path, images=True)
    first = read_examples(tmp_path)[0]
    np.testing.assert_allclose(first.truth, 1.5 * scenes.keypoints[:2], atol=0.01)
    assert first.poses["all"].shape == (1, 14, 2) and first.poses["none"].shape == (0, 14, 2)


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_learning_curve_is_measured_again(damage, made, scenes, places, capsys):
    kept, row, expected = made
    shutil.copytree(kept, places / "runs")
    shutil.rmtree(folder(row) / "evaluations")
    (file,) = folder(row).glob("curve-*.json")
    damage(file)
    make_runs([row], Samples(scenes, scenes, frozenset({"oks"})), Machine(device="cpu", jobs=1))
    run = load_run(row)
    np.testing.assert_equal((run.metrics, run.curve, vars(load_poses(run))), expected)
    assert (file.name in capsys.readouterr().err) == (damage is not Path.unlink)






@pytest.fixture(scope="module")
def made(scenes, recipe, tmp_path_factory):
    """A folder of runs with an evaluation with scoring, its recipe, and what it found."""
    place, row = tmp_path_factory.mktemp("made"), scored(recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_RUNS", str(place))
        make_runs([row], Samples(scenes, scenes, frozenset({"oks"})), Machine(device="cpu", jobs=1))
        run = load_run(row)
        return place, row, (run.metrics, run.curve, vars(load_poses(run)))
