"""Pinned numbers of each paper"s method and of each baseline: losses of a few steps, and what is decoded of given maps."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from repro.approaches.base import approach_of
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.bottom_up.predict import group_people, predict_scenes
from repro.data.augment import Augmentation
from repro.data.drawn.load import load_people
from repro.data.drawn.settings import WHOLE_BODY
from repro.encoders.centre_offsets import GuidedTargets
from repro.grouping.scores import Scorer, ScoringTraining, pose_features, train_scoring
from repro.papers.cal import rows as cal
from repro.papers.fowkal import rows as fowkal
from repro.papers.hgr import rows as hgr
from repro.papers.sahg import rows as sahg
from repro.recipe import Optimisation, Recipe
from repro.skeletons.skeleton import LSPET14
from repro.training.distributed import World
from repro.training.loop import Job, train

from ..approaches.bottom_up.test_predict import Oracle
from ..grouping.rendered import crowd
from ..grouping.test_centernet import centernet_maps
from ..grouping.test_tags import tag_maps
from ..tiny_runs import SIZE, tiny_data
from ..tiny_scenes import SIDE, STILL, scene_data, tiny_scenes
from .test_canary import CHANGED, HEATMAP, LABELLED, POINTS

CPU = torch.device("cpu")
NOT_LOSSES = {"epoch", "persons", "learning_rate", "seconds", "persons_per_second", "peak_memory_mb"}
PERSONS = {
    "simple-baseline": cal.simple_baseline("64x48", 50),
    "integral": cal.integral(50),
    "cal": cal.cal("64x48", 32),
    "fowkal": fowkal.TABLES[2].rows["fowkal"].recipe,
}
SCENES = {
    "hgr": hgr.TABLES[4].rows["guidance-tradeoff-art-scoring"].recipe,
    "sahg": sahg.TABLES[2].rows["sahg-wr"].recipe,
    "higher-hrnet": hgr.TABLES[2].rows["hrhrnet-w32-ae"].recipe,
    "centernet": hgr.TABLES[2].rows["centernet-dla"].recipe,
}


@pytest.fixture(scope="module")
def scenes():
    return tiny_scenes(4)


@pytest.fixture
def whole_bodies(places):
    return load_people("train", "wholebody133", limit=16, size=SIZE, settings=WHOLE_BODY)


def small(recipe: Recipe, samples, **changes) -> Recipe:
    """The recipe on a reduced network and small inputs, for two epochs of two or three steps at a low rate."""
    second = recipe.second_stage and replace(recipe.second_stage, epochs=1)
    batch = 2 if approach_of(recipe) is BOTTOM_UP else 8
    made = scene_data(samples, samples) if approach_of(recipe) is BOTTOM_UP else tiny_data(samples, samples)
    return recipe.but(
        method=recipe.method.but(network=recipe.method.network.reduced()),
        data=made,
        input=replace(recipe.input, size=(SIDE, SIDE) if approach_of(recipe) is BOTTOM_UP else SIZE),
        augmentation=STILL if approach_of(recipe) is BOTTOM_UP else Augmentation(half_body=0.0),
        optimisation=Optimisation(epochs=1 if second else 2, batch=batch, learning_rate=1e-5),
        second_stage=second,
        **changes,
    )


def small_scenes(name: str, scenes) -> Recipe:
    """One of SCENES, made small."""
    recipe = SCENES[name]
    if isinstance(recipe.method.encoder, GuidedTargets):
        grouper = replace(recipe.method.decoder, radius=18.75, same_distance=2.5)
        encoder = replace(recipe.method.encoder, smallest_area=0.0)
        recipe = recipe.but(method=recipe.method.but(encoder=encoder, decoder=grouper))
    return small(recipe, scenes)


def losses(recipe: Recipe, samples, folder) -> dict[str, list[float]]:
    """Each term of the loss, by epoch, over both stages."""
    before, job = None, Job(World(0, 1, CPU))
    if recipe.second_stage:
        before = folder / "first"
        before.mkdir()
        train(recipe.first_stage, approach_of(recipe), samples, before, job)
    (folder / "last").mkdir()
    train(recipe, approach_of(recipe), samples, folder / "last", job, before)
    files = [one / "log.jsonl" for one in (before, folder / "last") if one]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return {name: [line[name] for line in lines] for name in lines[0].keys() - NOT_LOSSES}


def check(name: str, found: dict[str, list[float]]) -> None:
    expected = LOSSES[name]
    assert found.keys() == expected.keys(), CHANGED
    for term, (first, second) in expected.items():
        early, late = TOLERANCES.get((name, term), (1e-3, 5e-3))
        assert found[term][0] == pytest.approx(first, rel=early), f"{term}: {CHANGED}"
        assert found[term][1] == pytest.approx(second, rel=late), f"{term}: {CHANGED}"


# Of two epochs, or of the two stages. The rate is low so that Adam, which follows the signs of small gradients, makes little
# of what kernels of other processors and other numbers of threads round differently.
LOSSES: dict[str, dict[str, tuple[float, float]]] = {
    "simple-baseline": {
        "loss": (0.00759923, 0.00753504),
    },
    "integral": {
        "loss": (4.40632, 4.53817),
    },
    "cal": {
        "loss": (0.0299442, 0.0826813),
        "heatmap_loss": (0.017622, 0.016668),
        "offset_loss": (0.0123222, 0.0660133),
    },
    "fowkal": {
        "loss": (65.4156, 80.3658),
        "factor_body": (0.499648, 0.499467),
        "factor_face": (0.499413, 0.49921),
        "factor_foot": (0.500287, 0.500242),
        "factor_hand": (0.500182, 0.500039),
        "factor_variance": (1.73968e-05, 1.8108e-05),
        "heatmap_loss": (65.4156, 80.3657),
    },
    "hgr": {
        "loss": (0.0298793, 0.0293611),
        "centre_loss": (0.0936321, 0.0882193),
        "heatmap_loss": (0.0244889, 0.0243205),
        "offset_loss": (0.0780901, 0.078074),
    },
    "sahg": {
        "loss": (0.015699, 0.0187855),
        "centre_loss": (0.0935446, 0.0880082),
        "heatmap_loss": (0.000697832, 0.000951302),
        "middle_loss": (0.00803049, 0.0112497),
        "offset_loss": (0.0780896, 0.0780702),
    },
    "higher-hrnet": {
        "loss": (0.0311654, 0.0303345),
        "heatmap_loss": (0.0245334, 0.0237561),
        "higher_loss": (0.0061318, 0.00607823),
        "pull_loss": (0.000159192, 0.000148535),
        "push_loss": (0.499988, 0.499992),
    },
    "centernet": {
        "loss": (10.9847, 10.8467),
        "centre_loss": (2.58669, 2.49217),
        "centre_offset_loss": (0.482727, 0.456476),
        "heatmap_loss": (2.44883, 2.43512),
        "keypoint_offset_loss": (0.584412, 0.577424),
        "offset_loss": (3.46965, 3.47635),
        "size_loss": (14.1244, 14.092),
    },
}

# Where a mask or a weight hangs on which pixel is the highest, or a term is a small difference: four times what was seen
# between one and two threads, and between AVX512, AVX2 and SSE4.1 kernels, which differ less.
TOLERANCES = {
    ("cal", "loss"): (1e-3, 0.15),
    ("cal", "offset_loss"): (1e-3, 0.2),
    ("fowkal", "loss"): (4e-3, 1e-2),
    ("fowkal", "heatmap_loss"): (4e-3, 1e-2),
    ("sahg", "loss"): (5e-3, 2e-2),
    ("sahg", "heatmap_loss"): (8e-2, 1e-1),
    ("sahg", "middle_loss"): (4e-3, 4e-2),
    ("higher-hrnet", "pull_loss"): (1e-3, 8e-2),
}


@pytest.mark.parametrize("name", PERSONS)
def test_losses_of_crops(name, persons, request, tmp_path):
    samples = request.getfixturevalue("whole_bodies") if name == "fowkal" else persons
    check(name, losses(small(PERSONS[name], samples), samples, tmp_path))


@pytest.mark.parametrize("name", SCENES)
def test_losses_of_scenes(name, scenes, tmp_path):
    check(name, losses(small_scenes(name, scenes), scenes, tmp_path))


# Of x and y of three joints of the standing person of test_canary, in map px.
DECODED = {
    "simple-baseline": (5.25, 9.25, 9.25, 6.25, 6.25, 4.25),
    "integral": (5.00014, 9.00021, 9.00014, 6.00021, 6.00015, 4.00023),
    "cal": (5.04, 8.8, 8.88, 6.4, 6.0, 3.52),
    "fowkal": (5.25635, 9.36657, 8.79438, 6.34144, 6.21906, 4.37673),
}
JOINTS = (2, 10, 12)


@pytest.mark.parametrize("name", PERSONS)
def test_decodings_of_crops(name):
    method = PERSONS[name].method
    encoder = PERSONS["simple-baseline"].method.encoder if name in ("integral", "fowkal") else method.encoder
    maps = encoder(POINTS, LABELLED, size=HEATMAP, skeleton=LSPET14)
    tilt = torch.linspace(0, 0.1, HEATMAP[0]) + torch.linspace(0, 0.2, HEATMAP[1])[:, None]
    factor = 20 if name == "integral" else 1  # logits
    points, _ = method.decoder({**maps, "heatmaps": factor * (maps["heatmaps"] + tilt)})
    assert points[0, JOINTS].flatten().tolist() == pytest.approx(DECODED[name], abs=1e-4), CHANGED


def described(people: list[tuple[Tensor, Tensor]]) -> list[float]:
    """The mean of all points, x and y, their mean square and the scores of people."""
    points, scores = (torch.cat([one[i].double() for one in people]) for i in (0, 1))
    return [*points.mean((0, 1)).tolist(), float(points.square().mean()), *scores.tolist()]


GROUPED = {
    "hgr": (63.2623, 62.8092, 4772.89, 0.529432, 0.33274, 0.515739, 0.324522, 0.52767, 0.320924, 0.541577, 0.326799),
    "sahg": (63.3472, 62.8088, 4777.95, 0.872002, 0.691466, 0.858223, 0.683419, 0.865919, 0.678463, 0.88308, 0.685214),
    "higher-hrnet": (35.6667, 63.8452, 3586.59, 0.79441, 0.658751, 0.646974),
    "centernet": (26.4252, 48.0826, 2683.81, 0.9999, 0.99, 0.98, 0.0001),
}


def tilted(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The maps with heatmaps that are lower to the left, and vectors that are off by a third of a px."""
    tilt = torch.linspace(0.6, 1, outputs["heatmaps"].shape[-1])
    return {n: m * tilt if n.startswith("heatmaps") else m + 0.3 * (n == "offsets") for n, m in outputs.items()}


@pytest.mark.parametrize("name", ["hgr", "sahg"])
def test_people_of_guided_methods(name, scenes):
    recipe = small_scenes(name, scenes)
    recipe = recipe.but(evaluation=replace(recipe.evaluation, flip=False))
    oracle = Oracle(scenes, recipe)
    network = torch.nn.Module()
    network.forward = lambda images: tilted(oracle(images))
    scorer = None if recipe.evaluation.scoring is None else given_scorer()
    found = predict_scenes(network, scenes, recipe, CPU, scorer=scorer)["final"]
    assert described([(torch.from_numpy(found.points), torch.from_numpy(found.scores))]) == pytest.approx(
        GROUPED[name], rel=1e-4
    ), CHANGED


def given_scorer() -> Scorer:
    """A scoring network after a few steps on poses of random joints."""
    poses = crowd(0, 8, 14, 128.0).float()
    heats = torch.linspace(0.2, 1, 8 * 14).view(8, 14)
    training = ScoringTraining(batch=4, epochs=3)
    features = pose_features(poses, heats, LSPET14)
    return Scorer(model=train_scoring(features, torch.linspace(0, 1, 8), LSPET14, training=training), skeleton=LSPET14)


@pytest.mark.parametrize("name", ["higher-hrnet", "centernet"])
def test_people_of_other_groupers(name):
    recipe, poses = SCENES[name], crowd(1, 3, 14, 128.0)
    if name == "centernet":
        maps = centernet_maps(poses, 32, blur=0.3)
        maps |= {n: torch.logit(maps[n].clamp(1e-4, 1 - 1e-4)) for n in ("centres", "heatmaps")}
    else:
        maps = tilted(tag_maps(poses, 32, [0.0, 2.0, 5.0]))
    people = group_people({1.0: maps}, recipe, LSPET14)
    assert described([(people.points, people.scores)]) == pytest.approx(GROUPED[name], rel=1e-4), CHANGED
