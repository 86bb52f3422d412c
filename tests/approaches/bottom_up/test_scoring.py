from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from repro.approaches.bottom_up.scoring import fit_scorer, scorer_name, scoring_labels
from repro.grouping.scores import Scorer, ScoringTraining, feature_count
from repro.recipe import SceneEvaluation, Scoring
from repro.support.sealed import sealed

from ...test_damage import cut, flip
from ...tiny_scenes import scene_data, scene_recipe, tiny_scenes
from .test_predict import Oracle, true_poses

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


def test_a_scorer_learns_from_the_people_found_and_is_kept(scenes, recipe, tmp_path):
    row = scored(recipe, images=2)
    file = tmp_path / scorer_name(row)
    network = Oracle(scenes, row)
    scorer = fit_scorer(network, scenes, row, CPU, file)
    assert isinstance(scorer, Scorer) and file.exists() and network.next == 1
    again = fit_scorer(network, scenes, row, CPU, file)
    assert network.next == 1
    features = torch.randn(3, feature_count(scenes.skeleton), generator=torch.Generator().manual_seed(0))
    assert torch.equal(scorer.model(features), again.model(features))


def test_recipes_that_differ_in_their_test_alone_share_a_scorer(recipe):
    row = scored(recipe)
    several = row.but(
        evaluation=SceneEvaluation(flip=False, scales=(1.0, 2.0), split="test", scoring=row.evaluation.scoring)
    )
    assert scorer_name(several) == scorer_name(row)
    assert scorer_name(scored(recipe, images=3)) != scorer_name(row)


def test_labels_are_the_oks_that_people_reach(scenes):
    poses = true_poses(scenes)
    rows, labels = scoring_labels(scenes, poses)
    assert sorted(rows) == list(range(8)) and labels == pytest.approx(1.0)
    poses.points[3] += 500
    rows, labels = scoring_labels(scenes, poses)
    assert labels[list(rows).index(3)] == pytest.approx(0.0, abs=1e-9)


def test_nobody_found_leaves_the_naive_score(scenes, recipe, tmp_path):
    class Empty(torch.nn.Module):
        def forward(self, images):
            maps = {"heatmaps": 14, "centres": 1, "offsets": 28}
            return {name: torch.zeros(len(images), n, 32, 32) for name, n in maps.items()}

    assert fit_scorer(Empty(), scenes, scored(recipe), CPU, tmp_path / "none.safetensors") is None


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_damaged_scoring_network_is_trained_again(suffix, damage, scenes, recipe, tmp_path):
    row, file = scored(recipe, images=2), tmp_path / "scoring.safetensors"
    fit_scorer(Oracle(scenes, row), scenes, row, CPU, file, weights="of the network")
    (tmp_path / "run.json").write_text(json.dumps(sealed("training", {})))  # all files of such a run are sealed
    whole = file.read_bytes()
    damage(file.with_suffix(suffix))
    network = Oracle(scenes, row)
    assert fit_scorer(network, scenes, row, CPU, file, weights="of the network") is not None
    assert network.next == 1 and file.read_bytes() == whole


def test_a_scoring_network_of_other_weights_is_trained_again(scenes, recipe, tmp_path):
    row, file = scored(recipe, images=2), tmp_path / "scoring.safetensors"
    for weights, trained in (("one", 1), ("one", 0), ("two", 1)):
        network = Oracle(scenes, row)
        fit_scorer(network, scenes, row, CPU, file, weights=weights)
        assert network.next == trained
