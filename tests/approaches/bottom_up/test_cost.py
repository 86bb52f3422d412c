from __future__ import annotations

from repro.approaches.bottom_up.cost import all_work, evaluation_work
from repro.approaches.work import Work
from repro.recipe import SceneEvaluation, Scoring

from ...tiny_scenes import SIDE, scene_data, scene_recipe, tiny_scenes


def test_evaluation_of_scenes_shows_few_images_to_snapshots_and_all_scales_at_the_end():
    scenes = tiny_scenes(2)
    recipe = scene_recipe(scene_data(scenes, scenes))  # two epochs, two snapshots, no flip, three answers
    assert evaluation_work(recipe, 400, 2000) == Work(recipe, SIDE**2 * (2 * 100 + 400), 2 * 100 + 3 * 400)
    scored = SceneEvaluation(scales=(0.5, 1.0, 2.0), scoring=Scoring(images=800))
    found = evaluation_work(recipe.but(evaluation=scored), 400, 2000)
    assert found.pixels == 2 * SIDE**2 * (200 + 800 + 400 * 5.25) and found.grouped == 200 + 800 + 1200
    assert evaluation_work(recipe.but(evaluation=scored), 400, 500).grouped == 200 + 500 + 1200
    assert evaluation_work(recipe, 400, 2000, curve=False) == Work(recipe, SIDE**2 * 400, 3 * 400)


def test_recipes_that_are_evaluated_together_share_scales_and_curves():
    """400 images at scale 1 for both, at 1/2 and 2 for the second alone; the third is of a group of its own."""
    scenes = tiny_scenes(2)
    recipe = scene_recipe(scene_data(scenes, scenes))
    several = recipe.but(evaluation=SceneEvaluation(flip=False, scales=(0.5, 1.0, 2.0)))
    mirrored = recipe.but(evaluation=SceneEvaluation(scales=(0.5, 1.0)))
    found = [work.pixels / SIDE**2 for work in all_work([[recipe, several], [mirrored]], 400, 2000)]
    assert found == [200 + 400, 400 * 4.25, 2 * (200 + 400 * 1.25)]
