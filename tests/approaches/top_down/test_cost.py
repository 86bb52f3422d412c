from __future__ import annotations

from repro.approaches.top_down.cost import evaluation_work
from repro.approaches.work import Work
from repro.losses.mse import HeatmapMSE
from repro.recipe import Evaluation, SecondStage

from ...tiny_runs import SIZE, tiny_recipe


def test_evaluation_shows_the_last_snapshot_every_person_and_the_others_the_first_ones(data):
    width, height = SIZE
    recipe = tiny_recipe(data)  # three epochs, three snapshots
    assert evaluation_work(recipe, 8) == Work(recipe, 3 * 8 * width * height * 2)
    assert evaluation_work(recipe, 1000) == Work(recipe, (2 * 400 + 1000) * width * height * 2)
    plain = recipe.but(evaluation=Evaluation(flip=False))
    assert evaluation_work(plain, 8) == Work(plain, 3 * 8 * width * height)
    longer = tiny_recipe(data, epochs=30).but(second_stage=SecondStage(loss=HeatmapMSE(), epochs=10))
    assert evaluation_work(longer, 8) == Work(longer, (6 + 2) * 8 * width * height * 2)
