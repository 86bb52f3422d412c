"""What a scale does to recipes of whole images, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.data.image_sources import load_images
from repro.grouping.scores import ScoringTraining
from repro.models.backbones.dla import DLA
from repro.models.backbones.hourglass import Hourglass
from repro.models.backbones.hrnet import HRNet
from repro.papers.hgr.rows import TABLES, associative, centernet, guided
from repro.recipe import Data, Scoring
from repro.scales.scale import SCALES, apply_scale, input_divisor
from repro.scales.scenes import REFERENCE, SceneScale, apply_scene_scale, scene_size
from repro.skeletons.skeleton import COCO17
from repro.training.warm_start import choose_start

from ..perfect_maps import perfect_ap

DATA = Data(name="people", train_fingerprint="t", train_count=1000, val_fingerprint="v", val_count=300)
LAPTOP, PAPER = SCALES["laptop"], SCALES["paper"]


@pytest.mark.parametrize(
    ("side", "divisor", "expected"),
    [
        (512, 4, 128),
        (640, 4, 128),
        (512, 8, 64),
        (640, 8, 64),
        (700, 4, 192),
        (512, 2, 256),
        (640, 2, 320),
        (640, 1, 640),
    ],
)
def test_inputs_are_divided_and_rounded_to_64(side, divisor, expected):
    assert scene_size((side, side), divisor) == (expected, expected)


@given(st.sampled_from([512, 576, 640, 704]), st.sampled_from([1, 2, 4, 8]))
def test_an_input_is_the_nearest_that_fits_the_network(side, divisor):
    made, _ = scene_size((side, side), divisor)
    assert made == side if divisor == 1 else made % 64 == 0 and -32 < side / divisor - made <= 32


@pytest.mark.parametrize(
    ("scale", "small", "large"), [("smoke", 8, 8), ("laptop", 4, 4), ("gpu", 2, 2), ("paper", 1, 1)]
)
def test_one_divisor_serves_tables_with_and_without_the_large_input(scale, small, large):
    assert input_divisor(SCALES[scale], [(512, 512)], scenes=True) == small
    assert input_divisor(SCALES[scale], [(512, 512), (640, 640)], scenes=True) == large


def test_distances_in_input_px_shrink_with_the_input_and_map_px_stay():
    made = apply_scale(guided(), LAPTOP, divisor=4, data=DATA, start="random")
    grouper, paper = made.method.decoder, guided().method.decoder
    assert (grouper.radius, grouper.same_distance) == (75 / 4, 10 / 4)
    assert grouper == replace(paper, radius=75 / 4, same_distance=2.5)
    encoder = made.method.encoder
    assert encoder == replace(guided().method.encoder, smallest_area=32.0**2 / 4)  # scenes of 256 px, half of 512
    assert made.input.size == (128, 128) and made.augmentation == guided().augmentation


def test_photographs_keep_cocos_least_area():
    made = apply_scene_scale(guided(), LAPTOP.scenes, divisor=4, drawn=False)
    assert made.method.encoder.smallest_area == 32.0**2


def test_networks_are_reduced():
    made = apply_scale(guided(48, higher=True), LAPTOP, divisor=4, data=DATA, start="random").method.network
    small = HRNet(width=32, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2, multi_scale_stage4=True)
    assert made.backbone == small and made.regression_channels == 64
    for backbone in (DLA(), Hourglass()):
        network = apply_scale(centernet(backbone), LAPTOP, divisor=4, data=DATA, start="random").method.network
        assert network.backbone == backbone.reduced()


def test_training_shows_the_scales_images():
    made = apply_scale(guided(), LAPTOP, divisor=4, data=DATA, start="random").optimisation
    assert (made.batch, made.epochs) == (LAPTOP.scenes.batch, LAPTOP.scenes.crops // 1000) == (8, 5)
    assert made.steps == (90 / 140, 120 / 140)


def test_the_smallest_people_of_the_laptop_scale_are_twice_as_high_as_a_central_region():
    people, side = LAPTOP.scenes.people, scene_size((512, 512), 4)[0] // 4  # of the maps: 32 px
    assert people.smallest / REFERENCE * side == 18.75 and people.crowd == 2  # FEW's are 10 px high, a region 8
    assert people.largest < REFERENCE


# hgr with and without heatmaps at half the input's size, associative embedding, CenterNet
METHODS = {"hgr": guided(), "hgr higher": guided(higher=True), "tags": associative(32), "centernet": centernet(DLA())}


@pytest.fixture(scope="module")
def gpu_scenes(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        scale = SCALES["gpu"].scenes
        size = (scale.side, scale.side)
        yield load_images("people", None, "val", limit=16, size=size, skeleton=COCO17, settings=scale.people)


def test_the_people_of_the_gpu_scale_are_as_large_as_those_that_coco_labels(gpu_scenes):
    labelled = (gpu_scenes.visibility > 0).any(1)
    assert labelled.sum() > 30 and gpu_scenes.areas[labelled].min() >= 32.0**2


@pytest.mark.parametrize("method", METHODS)
def test_perfect_maps_show_the_people_of_the_gpu_scale(gpu_scenes, method):
    recipe = apply_scale(METHODS[method], SCALES["gpu"], divisor=2, data=DATA, start="random")
    assert recipe.input.size == (256, 256)
    assert perfect_ap(gpu_scenes, recipe) > 90


def test_scoring_learns_from_fewer_images_in_smaller_batches():
    scale = SceneScale(scoring=100, scoring_batch=16)
    made = apply_scene_scale(guided(), scale, divisor=1, drawn=True).evaluation
    assert made.scoring == Scoring(images=100, training=ScoringTraining(batch=16))
    assert apply_scene_scale(guided(scoring=False), scale, divisor=1, drawn=True).evaluation.scoring is None


def test_paper_scale_changes_nothing():
    for table in TABLES.values():
        for row in table.rows.values():
            assert apply_scale(row.recipe, PAPER, divisor=1, data=DATA) == row.recipe.but(data=DATA)


def test_guided_networks_start_warm_and_other_backbones_from_random_weights():
    made = apply_scale(guided(), LAPTOP, divisor=4, data=DATA)
    assert made.initialisation == choose_start(
        "warm", HRNet(width=16, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)
    )
    assert made.initialisation is not None
    for start in ("warm", "random", "some-weights"):
        assert choose_start(start, DLA()) is None and choose_start(start, Hourglass()) is None
