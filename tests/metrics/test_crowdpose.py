from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco
from repro.metrics.crowdpose import crowd_level, evaluate_crowdpose
from repro.skeletons.skeleton import CROWDPOSE14

# One keypoint of sigma .5, so that (2 sigma)^2 = 1: OKS = exp(-d^2 / (2 * area)), with the area .53 * width * height.
DOT = np.array([0.5])
NEAR = 1e-12


def person(x: float, image: int, ident: int, **more) -> dict:
    fields = {"id": ident, "image_id": image, "category_id": 1, "keypoints": [x, 50, 2], "bbox": [x, 0, 100, 100]}
    return {**fields, "iscrowd": 0, "num_keypoints": 1, **more}


def found(x: float, image: int, score: float = 0.9) -> dict:
    return {"image_id": image, "category_id": 1, "keypoints": [x, 50, 1], "score": score}


@pytest.mark.parametrize(
    "index, level", [(0, "easy"), (0.19, "easy"), (0.2, "medium"), (0.79, "medium"), (0.8, "hard"), (3.02, "hard")]
)
def test_levels(index, level):
    assert crowd_level(index) == level


def test_each_level_is_evaluated_alone():
    """Easy found, medium missed, hard found below a false alarm: AP 1, 0 and .5; overall recall 2 of 3."""
    truth = [person(0, 1, 1), person(0, 2, 2), person(0, 3, 3)]
    predictions = [found(0, 1), found(900, 3, 0.95), found(0, 3, 0.8)]
    stats = evaluate_crowdpose(truth, {1: 0.1, 2: 0.5, 3: 0.9}, predictions, DOT)
    assert [stats[f"AP_{level}"] for level in ("easy", "medium", "hard")] == pytest.approx([1, 0, 0.5], abs=NEAR)
    assert stats["AR"] == pytest.approx(2 / 3, abs=NEAR)
    assert tuple(stats) == ("AP", "AP50", "AP75", "AR", "AR50", "AR75", "AP_easy", "AP_medium", "AP_hard")


def test_the_area_is_that_of_the_box():
    """Area 5300 px^2: at d = sqrt(-2 * 5300 ln .72), OKS is .72, found at 5 of 10 thresholds. An area in the file is not read."""
    distance = math.sqrt(-2 * 5300 * math.log(0.72))
    stats = evaluate_crowdpose([person(0, 1, 1, area=1e6)], {1: 0.1}, [found(distance, 1)], DOT)
    assert [stats["AP"], stats["AR"]] == pytest.approx([0.5, 0.5], abs=NEAR)


def test_the_number_of_keypoints_is_the_files():
    """A person with only head or neck has num_keypoints 0 there, and is ignored although a keypoint is labelled."""
    truth = [person(0, 1, 1), person(500, 1, 2, num_keypoints=0)]
    stats = evaluate_crowdpose(truth, {1: 0.1}, [found(0, 1)], DOT)
    assert stats["AR"] == 1 and stats["AP"] == pytest.approx(1, abs=NEAR)


def test_levels_without_images_are_not_a_number():
    stats = evaluate_crowdpose([person(0, 1, 1)], {1: 0.1}, [found(0, 1)], DOT)
    assert math.isnan(stats["AP_medium"]) and math.isnan(stats["AP_hard"])


def test_errors():
    with pytest.raises(ReproError, match="nan"):
        evaluate_crowdpose([person(0, 1, 1)], {1: float("nan")}, [], DOT)
    boxless = person(0, 1, 1)
    del boxless["bbox"]
    with pytest.raises(ReproError, match="no bbox"):
        evaluate_crowdpose([boxless], {1: 0.1}, [], DOT)


def test_the_official_validation_file():
    """411 easy, 1240 medium and 349 hard images; truth as prediction finds everything, at every level.

    A noisy prediction of the first images agrees with COCO's evaluation of areas set by hand, one level at a time.
    """
    root = os.environ.get("REPRO_SAMPLES")
    file = Path(root or "", "crowdpose/annotations/crowdpose_val.json")
    if not root or not file.exists():
        pytest.skip("REPRO_SAMPLES does not name a folder with crowdpose/annotations/crowdpose_val.json.")
    data = json.loads(file.read_text())
    indices = {i["id"]: i["crowdIndex"] for i in data["images"]}
    levels = [crowd_level(c) for c in indices.values()]
    assert [levels.count(level) for level in ("easy", "medium", "hard")] == [411, 1240, 349]
    some = dict(list(indices.items())[:120])
    rng = np.random.default_rng(0)
    truth = [a for a in data["annotations"] if a["image_id"] in some]
    predictions = []
    for annotation in truth:
        if annotation["num_keypoints"] == 0 or annotation["iscrowd"]:
            continue
        points = np.array(annotation["keypoints"], dtype=float).reshape(-1, 3)
        points[:, :2] += rng.normal(0, 0.05 * np.sqrt(np.prod(annotation["bbox"][2:])), (len(points), 2))
        predictions.append(
            {
                "image_id": annotation["image_id"],
                "category_id": 1,
                "keypoints": points.ravel().tolist(),
                "score": rng.random(),
            }
        )
    stats = evaluate_crowdpose(data["annotations"], some, predictions, CROWDPOSE14.sigma_array)
    areas = [{**a, "area": 0.53 * a["bbox"][2] * a["bbox"][3]} for a in truth]
    for level in ("easy", "medium", "hard"):
        images = [i for i, c in some.items() if crowd_level(c) == level]
        expected = evaluate_coco(
            areas, images, [p for p in predictions if p["image_id"] in images], CROWDPOSE14.sigma_array
        )
        assert stats[f"AP_{level}"] == expected["AP"] and 0.2 < expected["AP"] < 0.95
