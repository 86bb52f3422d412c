"""Runs in Python: found by their names, they predict on photographs what their own evaluation predicted, and measure the same."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import repro
from repro.approaches.bottom_up import predict as bottom_up
from repro.approaches.samples import Samples
from repro.approaches.top_down import predict as top_down
from repro.errors import ReproError
from repro.runs.complete import load_run as load_complete
from repro.runs.files import folder
from repro.skeletons.skeleton import COCO17, LSPET14
from repro.support.sealed import write_json

from ..tiny_runs import tiny_recipe


def loaded(recipe, **given):
    return repro.load_run(folder(recipe), device="cpu", skeleton=LSPET14, **given)


def test_importing_it_brings_in_no_torch():
    code = "import sys, repro; assert 'torch' not in sys.modules and 'load_run' in dir(repro); print(repro.__version__)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_top_down_run_predicts_what_its_evaluation_did(crops, val_persons):
    evaluated = top_down.load_poses(load_complete(crops))
    run, boxes = loaded(crops), [box[None] for box in val_persons.boxes]
    found = run.predict([str(path) for path in val_persons.images.paths], boxes)
    assert [len(one) for one in found] == [1] * len(val_persons)  # a person an image
    np.testing.assert_allclose(np.concatenate([one.points for one in found]), evaluated.points, atol=1e-3)
    np.testing.assert_allclose(np.concatenate([one.keypoint_scores for one in found]), evaluated.scores, atol=1e-5)
    assert run.recipe == crops and run.skeleton is LSPET14


def test_a_bottom_up_run_predicts_what_its_evaluation_did(whole, scenes):
    evaluated = bottom_up.load_poses(load_complete(whole))
    assert len(evaluated.scores) >= 2
    found = loaded(whole).predict(list(scenes.images.pixels))
    for image, one in enumerate(found):
        own = evaluated.of_image(image)
        np.testing.assert_allclose(one.points, own.points, atol=1e-3)
        np.testing.assert_allclose(one.scores, own.scores, atol=1e-4)
        np.testing.assert_allclose(one.boxes[:, :2], own.points.min(1), atol=1e-3)


def test_photographs_are_arrays_pictures_or_paths(crops, val_persons):
    run, path, box = loaded(crops), val_persons.images.paths[0], val_persons.boxes[:1]
    array, picture = val_persons.images.read(0), Image.open(path)
    first, *others = (run.predict(one, box)[0] for one in (array, picture, path, str(path)))
    for other in others:
        np.testing.assert_array_equal(other.points, first.points)
    grey = run.predict(array[..., 0], box)[0]
    np.testing.assert_array_equal(grey.points, run.predict(np.repeat(array[..., :1], 3, 2), box)[0].points)


def test_without_boxes_a_photograph_is_one_person(crops, val_persons):
    run, image = loaded(crops), val_persons.images.read(0)
    height, width = image.shape[:2]
    (alone,), (boxed,) = run.predict(image), run.predict(image, [[0, 0, width, height]])
    np.testing.assert_array_equal(alone.points, boxed.points)
    assert len(run.predict(image, np.zeros((0, 4)))[0]) == 0


def test_two_equal_boxes_give_one_person_and_a_score_counts(crops, val_persons):
    """OKS-NMS drops the lower of two equal poses; HRNet's rescoring multiplies the box's score."""
    run, image, box = loaded(crops), val_persons.images.read(0), val_persons.boxes[0]
    (one,) = run.predict(image, [[*box, 0.5]])
    (two,) = run.predict(image, [[*box, 0.25], [*box, 1.0]])
    assert len(one) == len(two) == 1
    assert two.scores[0] == pytest.approx(2 * one.scores[0])


def test_a_turned_photograph_is_taken_upright(tmp_path, crops, val_persons):
    picture = Image.open(val_persons.images.paths[0])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned = tmp_path / "turned.png"
    picture.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    run, box = loaded(crops), val_persons.boxes[:1]
    np.testing.assert_array_equal(run.predict(turned, box)[0].points, run.predict(picture, box)[0].points)


def test_results_in_cocos_format(crops, val_persons):
    (found,) = loaded(crops).predict(val_persons.images.read(0), val_persons.boxes[:1])
    (entry,) = found.to_coco(7)
    assert (entry["image_id"], entry["category_id"], len(entry["keypoints"])) == (7, 1, 3 * 14)
    assert entry["bbox"] == pytest.approx(val_persons.boxes[0].tolist())


@pytest.mark.parametrize(
    "images, boxes, why",
    [
        (np.zeros((4, 4, 3)), None, "A photograph is float64"),
        (np.zeros((4, 4, 2), np.uint8), None, r"of shape \(4, 4, 2\)"),
        ("none.jpg", None, "none.jpg is no file"),
        (np.zeros((4, 4, 3), np.uint8), [[0, 0, 2]], "expected one line a person"),
        (np.zeros((4, 4, 3), np.uint8), [[0, 0, 2, -1]], "has no area"),
        ([np.zeros((4, 4, 3), np.uint8)], [], "1 photographs and boxes of 0"),
    ],
)
def test_what_cannot_be_used_is_refused(crops, images, boxes, why):
    with pytest.raises(ReproError, match=why):
        loaded(crops).predict(images, boxes)


def test_a_bottom_up_run_takes_no_boxes(whole, scenes):
    with pytest.raises(ReproError, match="finds people by itself"):
        loaded(whole).predict(scenes.images.read(0), [[0, 0, 9, 9]])


def test_runs_are_found_by_row_by_hash_and_by_path(root, crops):
    place = root / "results" / "skeletal" / "table3" / "smoke-people"
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / "manifest.json", {"recipes": {"own seed 0": crops.key}})
    file = folder(crops) / "evaluations" / f"{crops.key}.json"
    names = ("skeletal/3/own:0", "skeletal/3/own", crops.key, crops.training_key, str(folder(crops)), file)
    for name in names:
        assert repro.load_run(name, device="cpu", skeleton=LSPET14).recipe == crops
    with pytest.raises(ReproError, match="No result folder has a row skeletal/3/own:1.*SEEDS=1"):
        repro.load_run("skeletal/3/own:1")
    write_json(place / "manifest.json", {"recipes": {"own seed 0": "0" * 12}})
    with pytest.raises(ReproError, match="trained elsewhere"):
        repro.load_run("skeletal/3/own:0")
    for name in ("0" * 12, "nothing", root):
        with pytest.raises(ReproError, match="name a row as in"):
            repro.load_run(name)


def test_a_run_elsewhere_is_loaded_by_its_path(tmp_path, crops):
    moved = tmp_path / "moved"
    subprocess.run(["cp", "-r", str(folder(crops)), str(moved)], check=True)
    run = repro.load_run(moved, device="cpu", skeleton=LSPET14)
    assert run.folder == moved and run.metrics == loaded(crops).metrics
    (moved / "model.safetensors").write_bytes(b"none")
    with pytest.raises(ReproError, match="model.safetensors"):
        repro.load_run(moved, device="cpu", skeleton=LSPET14)


def test_a_data_set_that_is_not_known_needs_its_skeleton(crops):
    with pytest.raises(ReproError, match="trained on 'tiny'.*skeleton="):
        repro.load_run(folder(crops))


def test_evaluation_on_the_same_samples_gives_the_runs_own_metrics(crops, whole, tiny_samples, scenes):
    for recipe, samples in ((crops, tiny_samples), (whole, Samples(scenes, scenes, frozenset({"oks"})))):
        run, before = loaded(recipe), sorted(folder(recipe).rglob("*"))
        assert run.evaluate(samples) == pytest.approx(run.metrics, nan_ok=True)
        assert sorted(folder(recipe).rglob("*")) == before


def test_evaluation_on_other_keypoints_is_refused(crops, tiny_samples):
    run = repro.load_run(folder(crops), device="cpu", skeleton=LSPET14)
    run.skeleton = COCO17
    with pytest.raises(ReproError, match="finds the keypoints of coco17 and the samples have those of lspet14"):
        run.evaluate(tiny_samples)


def test_a_recipe_is_trained_on_samples_in_memory(crops, tiny_samples):
    run = repro.train(crops.but(data=None, seed=3, optimisation=tiny_recipe(crops.data).optimisation), tiny_samples)
    assert run.recipe.seed == 3 and run.recipe.data.train_count == 24 and "AP" in run.metrics
    again = repro.train(crops, tiny_samples)  # complete already
    assert again.folder == folder(crops)
    with pytest.raises(ReproError, match="names 24 and 8 samples"):
        repro.train(crops, Samples(tiny_samples.val, tiny_samples.val, tiny_samples.measures))


@pytest.mark.slow
def test_a_row_is_trained_at_smoke_scale_and_predicts(root, val_persons):
    run = repro.train("skeletal/3/attention", scale="smoke", device="cpu")
    assert run.skeleton.name == "mpii16" or run.skeleton == COCO17
    assert repro.load_run(run.recipe.key, device="cpu").skeleton == run.skeleton
    (found,) = run.predict(val_persons.images.read(0))
    assert found.points.shape == (1, len(run.skeleton), 2)
    assert 0 <= run.evaluate("people", scale="smoke")["AP"] <= 1


@pytest.mark.parametrize("row", ["skeletal/3", "skeletal/3/attention:0", "skeletal", "skeletal/9/attention"])
def test_a_row_that_is_none_is_refused(row):
    with pytest.raises(ReproError):
        repro.train(row, scale="smoke")


def test_a_row_needs_a_data_set_by_name(tiny_samples):
    with pytest.raises(ReproError, match="by its name"):
        repro.train("skeletal/3/attention", tiny_samples)
