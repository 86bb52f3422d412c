from __future__ import annotations

import dataclasses
import json

import pytest

from repro.data.augment import Augmentation
from repro.data.crops import Input
from repro.decoders.peaks import Argmax
from repro.decoders.weighted import WeightedInference
from repro.encoders.gaussian import GaussianHeatmap
from repro.errors import ReproError
from repro.papers.skeletal.rows import ATTENTION, HRNET, PROPOSED, TABLES
from repro.recipe import Data, Evaluation, Initialisation, Optimisation, Recipe
from repro.scales import scale as scales
from repro.tables.plan import table_recipes

DATA = Data(name="coco", train_fingerprint="0" * 16, train_count=100, val_fingerprint="1" * 16, val_count=50)
RECIPE = Recipe(method=HRNET, data=DATA)


def test_the_key_of_a_reference_recipe_is_pinned():
    # Table 1, "proposed" at W48 384x288, and its training. If this fails, all complete runs and committed results are
    # orphaned: undo the change of names, of defaults or of the plain form.
    recipe = TABLES[1].rows["proposed-w48-384x288"].recipe.but(data=DATA, seed=3)
    assert (recipe.key, recipe.training_key) == ("85fb6cfdb302", "9933718faf23")


def test_recipes_go_through_json():
    recipe = RECIPE.but(
        method=PROPOSED,
        initialisation=Initialisation(name="imagenet", sha256="ab" * 32),
        evaluation=Evaluation(flip=False, rescoring=0.0),
        optimisation=Optimisation(epochs=3, precision="bfloat16"),
        seed=2,
    )
    again = Recipe.from_plain(json.loads(json.dumps(recipe.to_plain())))
    assert again == recipe and again.key == recipe.key


@pytest.mark.parametrize(("paper", "row"), [(n, row) for n, table in TABLES.items() for row in table.rows])
def test_every_recipe_of_the_papers_goes_through_json(paper, row):
    recipe = TABLES[paper].rows[row].recipe
    again = Recipe.from_plain(json.loads(json.dumps(recipe.to_plain())))
    assert again == recipe and again.key == recipe.key


def test_what_cannot_be_a_recipe_says_where():
    plain = RECIPE.to_plain()
    plain["method"]["decoder"] = {"type": "Soft"}
    with pytest.raises(ReproError, match="type of recipe.method.decoder 'Soft': choose one of Argmax, QuarterOffset"):
        Recipe.from_plain(plain)


@pytest.mark.parametrize(
    "other",
    [
        RECIPE.but(method=HRNET.but(decoder=Argmax())),
        RECIPE.but(method=HRNET.but(decoder=WeightedInference(n=20))),
        RECIPE.but(evaluation=Evaluation(flip=False)),
        RECIPE.but(evaluation=Evaluation(boxes="faster-rcnn", rescoring=0.5, nms=0.5, shift=False)),
    ],
)
def test_recipes_that_are_evaluated_differently_share_their_training(other):
    assert other.key != RECIPE.key
    assert other.training_key == RECIPE.training_key


@pytest.mark.parametrize(
    "other",
    [
        RECIPE.but(seed=1),
        RECIPE.but(revision=2),
        RECIPE.but(method=ATTENTION),
        RECIPE.but(method=HRNET.but(encoder=GaussianHeatmap(sigma=3.0))),
        RECIPE.but(input=Input(size=(192, 256), convention="unbiased")),
        RECIPE.but(augmentation=Augmentation(rotation=30.0)),
        RECIPE.but(optimisation=Optimisation(batch=64)),
        RECIPE.but(initialisation=Initialisation(name="imagenet", sha256="ab" * 32)),
        RECIPE.but(data=dataclasses.replace(DATA, train_fingerprint="2" * 16)),
        RECIPE.but(data=dataclasses.replace(DATA, train_count=99)),
    ],
)
def test_recipes_that_are_trained_differently_do_not(other):
    assert other.key != RECIPE.key
    assert other.training_key != RECIPE.training_key


def test_a_training_key_is_not_the_key_of_its_recipe_but_that_of_the_plainest_evaluation():
    plainest = RECIPE.but(method=HRNET.but(decoder=Argmax()))
    assert RECIPE.training_key == plainest.training_key == plainest.key != RECIPE.key


def test_the_rows_of_table_3_need_two_trainings():
    keys = {row: r.recipe.training_key for row, r in TABLES[3].rows.items()}
    assert keys["attention"] == keys["attention-weighted"] != keys["hrnet"]


def test_but_leaves_the_original_alone():
    changed = RECIPE.but(seed=5)
    assert (changed.seed, RECIPE.seed) == (5, 0)
    assert changed.but(seed=0) == RECIPE


def test_a_raised_revision_changes_the_keys_of_recipes_that_are_made_today(monkeypatch):
    def keys() -> set[str]:
        made = table_recipes("skeletal", 3, scales.SCALES["smoke"], DATA, (0,), start="random").values()
        return {key for r in made for key in (r.key, r.training_key)}

    before = keys()
    monkeypatch.setattr(scales, "REVISION", scales.REVISION + 1)
    assert not before & keys()
