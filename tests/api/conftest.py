"""Runs that tests of the Python interface share: one of crops, one of whole images, in folders of their own."""

from __future__ import annotations

import pytest

from repro.approaches.samples import Samples
from repro.recipe import SceneEvaluation, Scoring
from repro.runs.schedule import Machine, make_runs

from ..tiny_runs import SKELETAL, tiny_recipe
from ..tiny_scenes import scene_data, scene_recipe, tiny_scenes

CPU = Machine(device="cpu", jobs=1)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data, tiny_samples):
    """The folder that holds ``runs``, a top-down recipe, a bottom-up one, and the images of the latter."""
    root = tmp_path_factory.mktemp("api")
    scenes = tiny_scenes(2)
    crops = tiny_recipe(data, SKELETAL, epochs=20, learning_rate=3e-3)
    evaluation = SceneEvaluation(flip=True, scoring=Scoring())
    whole = scene_recipe(scene_data(scenes, scenes), epochs=60, evaluation=evaluation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_RUNS", str(root / "runs"))
        make_runs([crops], tiny_samples, CPU)
        make_runs([whole], Samples(scenes, scenes, frozenset({"oks"})), CPU)
    return root, crops, whole, scenes


@pytest.fixture(autouse=True)
def root(trained, monkeypatch):
    """Runs and results of these tests, and no others."""
    for name in ("runs", "results", "cache"):
        monkeypatch.setenv(f"REPRO_{name.upper()}", str(trained[0] / name))
    return trained[0]


@pytest.fixture
def crops(trained):
    """A top-down recipe that was trained and evaluated."""
    return trained[1]


@pytest.fixture
def whole(trained):
    """A bottom-up recipe, trained until people are found, with a scoring network."""
    return trained[2]


@pytest.fixture
def scenes(trained):
    """The images that it was trained and evaluated on."""
    return trained[3]
