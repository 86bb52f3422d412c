"""Test-dev is made of the very images that a run was evaluated on, so that what is found there has to be what the run found."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from repro.approaches.bottom_up.measure import as_results
from repro.approaches.bottom_up.predict import load_poses as load_people
from repro.approaches.samples import Samples
from repro.approaches.top_down.measure import person_scores
from repro.approaches.top_down.predict import load_poses
from repro.data.sets import test_dev as split
from repro.data.sets.test_dev import BOXES, LIST, find_test_dev
from repro.errors import ReproError
from repro.metrics.coco import predictions_to_coco
from repro.papers import PAPERS
from repro.runs.complete import load_run
from repro.runs.run import Task, make_task
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import LSPET14
from repro.tables.request import Request
from repro.tables.test_dev import is_printed_on_test_dev, results_of, write_results, write_test_dev

from ..runs.test_run import ALONE
from ..tiny_runs import tiny_recipe
from ..tiny_scenes import scene_data, scene_recipe, tiny_scenes

PRINTED = {("cal", 1), ("hgr", 3), ("sahg", 1)}
REQUEST = Request("cal", 1, SCALES["paper"], "coco", None, (0,))


def listed(root: Path, ids: np.ndarray, sizes: np.ndarray) -> None:
    """Write the list of images, which has no annotations, as COCO's."""
    images = [
        {"id": int(i), "file_name": f"{int(i):012d}.png", "width": int(w), "height": int(h)}
        for i, (w, h) in zip(ids, sizes, strict=True)
    ]
    (root / LIST).parent.mkdir(parents=True)
    (root / LIST).write_text(json.dumps({"info": {}, "images": images, "categories": [{"id": 1, "name": "person"}]}))
    (root / "test2017").mkdir()


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A folder of COCO; the people of these tests have 14 joints."""
    monkeypatch.setattr(split, "COCO17", LSPET14)
    return tmp_path / "coco"


@pytest.fixture
def with_persons(root, val_persons) -> Path:
    """The evaluation persons' images as test-dev, with their boxes as a detector's."""
    images = val_persons.images
    listed(root, images.ids, images.sizes)
    for identity, path in zip(images.ids.tolist(), images.paths, strict=True):
        shutil.copy(path, root / "test2017" / f"{identity:012d}.png")
    boxes = [
        {"image_id": int(i), "category_id": 1, "bbox": box.tolist(), "score": 1.0}
        for i, box in zip(val_persons.image_ids, val_persons.boxes, strict=True)
    ]
    (root / BOXES).parent.mkdir()
    (root / BOXES).write_text(json.dumps(boxes))
    return root


def test_the_tables_printed_on_test_dev_are_three():
    scale = SCALES["paper"]
    found = {
        (key, spec.number)
        for key, paper in PAPERS.items()
        for spec in paper.tables
        if is_printed_on_test_dev(Request(key, spec.number, scale, "coco", None, (0,)))
    }
    assert found == PRINTED
    assert not is_printed_on_test_dev(replace(REQUEST, data="people"))
    assert not is_printed_on_test_dev(replace(REQUEST, scale=SCALES["laptop"]))


def test_persons_of_test_dev_are_predicted_as_those_of_the_evaluation(with_persons, places, tiny_samples, data):
    recipe = tiny_recipe(data)
    make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, lambda crops: None)
    found = results_of(recipe, find_test_dev(with_persons), tiny_samples, ALONE.device)
    persons, poses = tiny_samples.val, load_poses(load_run(recipe))
    scores, kept = person_scores(persons, poses, recipe)
    expected = predictions_to_coco(persons.image_ids[kept], poses.points[kept], poses.scores[kept], scores[kept])
    assert [one["image_id"] for one in found] == [one["image_id"] for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["keypoints"] == pytest.approx(other["keypoints"], abs=1e-3)
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)


def test_people_of_whole_images_too(root, places):
    train, val = tiny_scenes(4, 0), tiny_scenes(3, 1)
    recipe, samples = scene_recipe(scene_data(train, val), epochs=8), Samples(train, val, frozenset({"oks"}))
    make_task(Task(recipe, (recipe,)), samples, ALONE, 0, lambda crops: None)
    listed(root, val.images.ids, val.images.sizes)
    for identity, pixels in zip(val.images.ids.tolist(), val.images.pixels, strict=True):
        assert cv2.imwrite(str(root / "test2017" / f"{identity:012d}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    found = results_of(recipe, find_test_dev(root), samples, ALONE.device)
    expected = as_results(val, load_people(load_run(recipe)))
    assert found and [one["image_id"] for one in found] == [one["image_id"] for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["keypoints"] == pytest.approx(other["keypoints"], abs=1e-2)


def test_archives_are_as_the_server_takes_them(with_persons, places, tiny_samples, data, tmp_path):
    recipe = tiny_recipe(data)
    make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, lambda crops: None)
    request, recipes = replace(REQUEST, root=with_persons), {("cal-w32", 0): recipe, ("cal-w32", 1): recipe}
    said = write_test_dev(tmp_path / "folder", request, recipes, tiny_samples, ALONE.device)
    assert "labels are not public" in said and str(tmp_path / "folder" / "test-dev") in said
    names = ["person_keypoints_test-dev2017_cal-w32-seed1_results", "person_keypoints_test-dev2017_cal-w32_results"]
    assert sorted(file.name for file in (tmp_path / "folder" / "test-dev").iterdir()) == [
        "README.md",
        *(f"{name}.zip" for name in names),
    ]
    with zipfile.ZipFile(tmp_path / "folder" / "test-dev" / f"{names[1]}.zip") as archive:
        assert archive.namelist() == [f"{names[1]}.json"]
        first = json.loads(archive.read(f"{names[1]}.json"))[0]
    assert set(first) == {"image_id", "category_id", "keypoints", "score"} and len(first["keypoints"]) == 3 * 14
    assert "nothing here was measured" in (tmp_path / "folder" / "test-dev" / "README.md").read_text()


def test_numbers_are_written_short(tmp_path):
    results = [{"image_id": 7, "category_id": 1, "keypoints": [1.23456, 2.0, 0.98765], "score": 0.123456789}]
    with zipfile.ZipFile(write_results(tmp_path, "row", results)) as archive:
        text = archive.read("person_keypoints_test-dev2017_row_results.json").decode()
    assert text == '[{"image_id":7,"category_id":1,"keypoints":[1.235,2.0,0.988],"score":0.123457}]'


def test_what_is_missing_is_said(with_persons, tiny_samples, data, tmp_path):
    recipes = {("cal-w32", 0): tiny_recipe(data)}

    def said(root: Path | None) -> str:
        return write_test_dev(tmp_path / "folder", replace(REQUEST, root=root), recipes, tiny_samples, ALONE.device)

    assert f"With {LIST} and test2017/ under DATA_ROOT" in said(tmp_path)
    (with_persons / BOXES).unlink()
    assert f"With {BOXES}, a detector's boxes in its images, under" in said(with_persons)
    assert write_test_dev(tmp_path, replace(REQUEST, data="people"), recipes, tiny_samples, ALONE.device) == ""
    assert write_test_dev(tmp_path, REQUEST, recipes, None, ALONE.device) == ""
    with pytest.raises(ReproError, match="boxes in test-dev are missing"):
        find_test_dev(with_persons).persons()


def test_a_list_without_images_is_refused(tmp_path):
    (tmp_path / LIST).parent.mkdir()
    (tmp_path / "test2017").mkdir()
    (tmp_path / LIST).write_text("{}")
    with pytest.raises(ReproError, match="has no list 'images'"):
        find_test_dev(tmp_path).image_set()
