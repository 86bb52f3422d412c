"""What a scale does to recipes of whole images, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.bottom_up.oracle import perfect_people
from repro.approaches.bottom_up.scale import scaled, scene_size, weakened
from repro.approaches.bottom_up.scene_scale import REFERENCE, SceneScale
from repro.data.catalogue import load_images
from repro.data.scene_augment import SceneAugmentation
from repro.grouping.scores import ScoringTraining
from repro.models.backbones.dla import DLA
from repro.models.backbones.hourglass import Hourglass
from repro.models.backbones.hrnet import HRNet
from repro.papers.hgr.rows import TABLES, associative, centernet, guided
from repro.recipe import Data, Scoring
from repro.scales.scale import SCALES, apply_scale, input_divisor
from repro.skeletons.skeleton import COCO17
from repro.training.warm_start import choose_start

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


def test_no_input_of_the_laptop_scale_is_above_256_px():
    assert scene_size((640, 640), 2, 256) == (256, 256) and scene_size((640, 640), 4, 256) == (128, 128)
    for side in (512, 640):
        recipe = guided().but(input=replace(guided().input, size=(side, side)))
        assert apply_scale(recipe, LAPTOP, divisor=2, data=DATA, start="random").input.size == (256, 256)


@given(st.sampled_from([512, 576, 640, 704]), st.sampled_from([1, 2, 4, 8]))
def test_an_input_is_the_nearest_that_fits_the_network(side, divisor):
    made, _ = scene_size((side, side), divisor)
    assert made == side if divisor == 1 else made % 64 == 0 and -32 < side / divisor - made <= 32


@pytest.mark.parametrize(
    ("scale", "small", "large"), [("smoke", 8, 8), ("laptop", 2, 2), ("gpu", 2, 2), ("paper", 1, 1)]
)
def test_one_divisor_serves_tables_with_and_without_the_large_input(scale, small, large):
    assert input_divisor(SCALES[scale].scenes.area, [(512, 512)]) == small
    assert input_divisor(SCALES[scale].scenes.area, [(512, 512), (640, 640)]) == large


def test_distances_in_input_px_shrink_with_the_input_and_map_px_stay():
    made = apply_scale(guided(), LAPTOP, divisor=2, data=DATA, start="random")
    grouper, paper = made.method.decoder, guided().method.decoder
    assert (grouper.radius, grouper.same_distance) == (75 / 2, 10 / 2)
    assert grouper == replace(paper, radius=75 / 2, same_distance=5.0)
    encoder = made.method.encoder
    assert encoder == replace(guided().method.encoder, smallest_area=32.0**2 / 4)  # scenes of 256 px, half of 512
    assert made.input.size == (256, 256)


def test_photographs_keep_cocos_least_area():
    made = scaled(guided(), LAPTOP.scenes, divisor=4, drawn=False)
    assert made.method.encoder.smallest_area == 32.0**2


def test_networks_are_reduced():
    made = apply_scale(guided(48, higher=True), LAPTOP, divisor=2, data=DATA, start="random").method.network
    small = HRNet(width=32, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2, multi_scale_stage4=True)
    assert made.backbone == small and made.regression_channels == 64
    for backbone in (DLA(), Hourglass()):
        network = apply_scale(centernet(backbone), LAPTOP, divisor=2, data=DATA, start="random").method.network
        assert network.backbone == backbone.reduced()


def test_training_shows_the_scales_images_and_its_rate_falls_once():
    made = apply_scale(guided(), LAPTOP, divisor=2, data=DATA, start="random").optimisation
    assert (made.batch, made.epochs) == (8, 16)  # 16,000 images of 1,000
    assert (made.steps, made.counted_in) == ((0.8,), "steps")
    assert made.warm_up == 100  # a twentieth of 2,000 steps


def test_the_paper_and_the_smoke_scale_keep_the_printed_falls():
    for scale in ("smoke", "paper"):
        made = apply_scale(guided(), SCALES[scale], divisor=1, data=DATA, start="random").optimisation
        assert (made.steps, made.counted_in) == (guided().optimisation.steps, "epochs")


def test_augmentation_is_as_strong_as_the_training_is_long():
    made = apply_scale(guided(), LAPTOP, divisor=2, data=DATA, start="random").augmentation  # 16 of 140 epochs
    assert guided().augmentation == SceneAugmentation()
    assert made == SceneAugmentation(
        scale=(round(1 - 0.25 * 16 / 140, 4), round(1 + 0.5 * 16 / 140, 4)),
        rotation=round(30 * 16 / 140, 4),
        translation=round(0.2 * 16 / 140, 4),
    )
    assert weakened(SceneAugmentation(), 1.0) == weakened(SceneAugmentation(), 7.0) == SceneAugmentation()
    none = SceneAugmentation(scale=(1.0, 1.0), rotation=0.0, translation=0.0, mirror=0.3)
    assert weakened(SceneAugmentation(mirror=0.3), 0.0) == none


@pytest.mark.parametrize(("length", "images"), [(0.125, 500), (0.25, 1000), (0.5, 2000), (1, 2000), (2, 4000), (8, 4000)])
def test_longer_trainings_see_more_scenes(length, images):
    assert LAPTOP.of_length(length).training_limit(drawn=True, scenes=True) == images


def test_the_people_of_the_laptop_scale_are_twice_as_high_as_a_central_region_and_more():
    people, side = LAPTOP.scenes.people, scene_size((512, 512), 2)[0] // 4  # of the maps: 64 px
    assert people.smallest / REFERENCE * side == 37.5 and people.crowd == 2  # a region is 8 map px high
    assert people.largest < REFERENCE


# hgr with and without heatmaps at half the input's size, associative embedding, CenterNet
METHODS = {"hgr": guided(), "hgr higher": guided(higher=True), "tags": associative(32), "centernet": centernet(DLA())}


@pytest.fixture(scope="module", params=["laptop", "gpu"])
def scenes(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        scale = SCALES[request.param].scenes
        size = (scale.side, scale.side)
        images = load_images("people", None, "val", limit=16, size=size, skeleton=COCO17, settings=scale.people)
        yield SCALES[request.param], images


def test_people_are_as_large_as_those_that_coco_labels(scenes):
    scale, images = scenes
    labelled = (images.visibility > 0).any(1)
    assert labelled.sum() > 20 and images.areas[labelled].min() >= (scale.scenes.side / 16) ** 2  # 32 px at 512


@pytest.mark.parametrize("method", METHODS)
def test_perfect_maps_show_the_people(scenes, method):
    scale, images = scenes
    recipe = apply_scale(METHODS[method], scale, divisor=2, data=DATA, start="random")
    assert recipe.input.size == (256, 256)
    assert measure_scenes(images, perfect_people(images, recipe))["AP"] > 0.9


def test_scoring_learns_from_fewer_images_in_smaller_batches():
    scale = SceneScale(scoring=100, scoring_batch=16)
    made = scaled(guided(), scale, divisor=1, drawn=True).evaluation
    assert made.scoring == Scoring(images=100, training=ScoringTraining(batch=16))
    assert scaled(guided(scoring=False), scale, divisor=1, drawn=True).evaluation.scoring is None


def test_paper_scale_changes_nothing():
    for table in TABLES.values():
        for row in table.rows.values():
            assert apply_scale(row.recipe, PAPER, divisor=1, data=DATA) == row.recipe.but(data=DATA)


def test_guided_networks_start_warm_and_other_backbones_from_random_weights():
    made = apply_scale(guided(), LAPTOP, divisor=2, data=DATA)
    assert made.initialisation == choose_start(
        "warm", HRNet(width=16, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)
    )
    assert made.initialisation is not None
    for start in ("warm", "random", "some-weights"):
        assert choose_start(start, DLA()) is None and choose_start(start, Hourglass()) is None
