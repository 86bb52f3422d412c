"""``repro predict``: boxes from files, detectors or nowhere; results in COCO's format, pictures, videos."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import repro
from repro.api import boxes as box_sources
from repro.api import trained as trained_runs
from repro.api.boxes import people_of
from repro.api.predicting import choose_boxes, predict_files
from repro.api.sources import image_ids, split_sources
from repro.cli.main import main
from repro.errors import ReproError
from repro.runs.files import folder
from repro.skeletons.skeleton import COCO17, LSPET14
from repro.support.sealed import write_json


@pytest.fixture(autouse=True)
def known_skeleton(monkeypatch):
    """The tiny data set's skeleton is known."""
    monkeypatch.setattr(trained_runs, "skeleton_of", lambda place: LSPET14)


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    """torchvision keeps weights in an empty folder."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def predict(*arguments):
    """What the command says; it has ended well."""
    done = CliRunner().invoke(main, ("predict", *map(str, arguments), "--device", "cpu"))
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments):
    """What the command says where it refuses."""
    done = CliRunner().invoke(main, ("predict", *map(str, arguments), "--device", "cpu"))
    assert done.exit_code == 2, done.output
    return done.output


def test_boxes_of_a_file_give_the_evaluations_results(tmp_path, crops, val_persons):
    """The persons' own boxes, written as a detector's file and shuffled, give their evaluated poses again."""
    entries = [
        {"image_id": int(i), "category_id": 1, "bbox": box.tolist(), "score": 1.0}
        for i, box in zip(val_persons.image_ids, val_persons.boxes, strict=True)
    ]
    write_json(tmp_path / "boxes.json", entries[::-1])
    out, photographs = tmp_path / "out", val_persons.images.paths[0].parent
    text = predict(crops.key, photographs, "--boxes", tmp_path / "boxes.json", "--out", out)
    assert "8 images, 0 videos: boxes of" in text
    results = {entry["image_id"]: entry for entry in json.loads((out / "results.json").read_text(encoding="utf-8"))}
    run = repro.load_run(crops.key, device="cpu")
    for n, path in enumerate(val_persons.images.paths):
        (found,) = run.predict(path, val_persons.boxes[n : n + 1])
        own = np.array(results[n + 1]["keypoints"]).reshape(-1, 3)  # files are called 1.png, 2.png ...
        np.testing.assert_allclose(own[:, :2], found.points[0], atol=1e-2)
        assert (out / "pictures" / f"{path.stem}.jpg").is_file()
    about = json.loads((out / "images.json").read_text(encoding="utf-8"))
    assert about[0] == {"id": 1, "file_name": "1.png", "width": 48, "height": 64}


def test_without_boxes_it_is_said_that_photographs_are_persons(tmp_path, crops, val_persons):
    text = predict(crops.key, val_persons.images.paths[0], "--out", tmp_path)
    assert "each photograph is one person, because no boxes were given and no detector's weights are here" in text
    (entry,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert entry["bbox"] == [0, 0, 48, 64]
    drawn = cv2.imread(str(tmp_path / "pictures" / "1.jpg"))
    plain = cv2.imread(str(val_persons.images.paths[0]))
    assert drawn.shape == plain.shape and np.abs(drawn.astype(int) - plain).max() > 100


def test_a_bottom_up_run_finds_people_itself(tmp_path, whole, scenes):
    image = tmp_path / "scene.png"
    assert cv2.imwrite(str(image), scenes.images.pixels[0][..., ::-1])
    assert "people are found in whole images" in predict(whole.key, image, "--out", tmp_path / "out")
    entries = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    (found,) = repro.load_run(folder(whole), device="cpu").predict(scenes.images.pixels[0])
    assert len(entries) == len(found) >= 1 and {entry["image_id"] for entry in entries} == {1}
    assert "finds people by itself" in refused(whole.key, image, "--boxes", "whole")


def test_a_video_gives_results_by_frame_and_a_drawn_video(tmp_path, crops, val_persons):
    source = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter.fourcc(*"MJPG"), 10, (48, 64))
    for path in val_persons.images.paths[:5]:
        writer.write(cv2.imread(str(path)))
    writer.release()
    assert "0 images, 1 video:" in predict(crops.key, source, "--out", tmp_path / "out", "--boxes", "whole")
    entries = json.loads((tmp_path / "out" / "walk.json").read_text(encoding="utf-8"))
    assert [entry["image_id"] for entry in entries] == [0, 1, 2, 3, 4]
    drawn = cv2.VideoCapture(str(tmp_path / "out" / "walk.mp4"))
    assert (drawn.get(cv2.CAP_PROP_FRAME_COUNT), drawn.get(cv2.CAP_PROP_FPS)) == (5, 10)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    assert "cannot be read by OpenCV" in refused(crops.key, tmp_path / "bad.mp4", "--out", tmp_path / "out")


def test_a_detector_is_used_where_its_weights_are(tmp_path, crops, val_persons, no_weights, monkeypatch):
    """A stand-in for torchvision's detector says where it was loaded from and finds one person."""
    run = repro.load_run(crops.key, device="cpu")
    with pytest.raises(ReproError, match="fasterrcnn_resnet50_fpn_coco-258fb6c6.pth.*fetch detector-weights.*--boxes whole"):
        choose_boxes(run, "detector", {})
    no_weights.mkdir(parents=True)
    for _, file in box_sources.known_detectors().values():
        (no_weights / file).write_bytes(b"")
    with pytest.raises(ReproError, match="holds no weights of fasterrcnn"):
        choose_boxes(run, "fasterrcnn", {})
    loaded = []

    def load(name, file, device):
        loaded.append((name, file.parent))
        return lambda images: [np.array([[0.0, 0.0, 48.0, 64.0, 0.5]])] * len(images)

    monkeypatch.setattr("repro.api.predicting.load_detector", load)
    boxes = choose_boxes(run, "", {})
    assert loaded == [("keypointrcnn", no_weights)] and boxes.about == "boxes of torchvision's keypointrcnn"
    path = val_persons.images.paths[0]
    predict_files(run, [path], [], boxes, {path.name: 4}, tmp_path / "out", 0.2)
    (entry,) = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    (expected,) = run.predict(path, [[0, 0, 48, 64, 0.5]])
    assert entry["image_id"] == 4 and entry["score"] == pytest.approx(expected.scores[0], abs=1e-4)


@pytest.mark.slow
def test_torchvisions_detector_is_loaded_from_a_file(tmp_path):
    """With random weights, which find nobody."""
    build, _ = box_sources.known_detectors()["fasterrcnn"]
    torch.manual_seed(0)
    torch.save(build(weights=None, weights_backbone=None).state_dict(), tmp_path / "weights.pth")
    detect = box_sources.load_detector("fasterrcnn", tmp_path / "weights.pth", torch.device("cpu"))
    (boxes,) = detect([np.zeros((32, 32, 3), np.uint8)])
    assert boxes.shape[1] == 5


def test_people_of_a_detector_are_labelled_one_and_sure_enough():
    found = {
        "boxes": torch.tensor([[1.0, 2.0, 4.0, 8.0], [0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 5.0, 5.0], [3.0, 3.0, 3.0, 9.0]]),
        "labels": torch.tensor([1, 2, 1, 1]),
        "scores": torch.tensor([0.75, 0.9, 0.4, 0.9]),
    }
    np.testing.assert_allclose(people_of(found), [[1, 2, 3, 6, 0.75]])


def test_image_ids_come_from_annotations_from_numbers_or_from_the_order(tmp_path):
    coco = [tmp_path / name for name in ("000000000139.jpg", "000000000285.jpg")]
    assert image_ids(coco, None) == {"000000000139.jpg": 139, "000000000285.jpg": 285}
    others = [tmp_path / "b.jpg", tmp_path / "7.jpg"]
    assert image_ids(others, None) == {"b.jpg": 1, "7.jpg": 2}
    write_json(tmp_path / "own.json", {"images": [{"id": 5, "file_name": "x/b.jpg"}, {"id": 6, "file_name": "7.jpg"}]})
    assert image_ids(others, tmp_path / "own.json") == {"b.jpg": 5, "7.jpg": 6}
    with pytest.raises(ReproError, match="names no image 000000000139.jpg"):
        image_ids(coco, tmp_path / "own.json")


def test_sources_are_files_folders_and_videos(tmp_path):
    names = ("b.JPG", "a.png", "c.mp4", "notes.txt")
    for name in names:
        (tmp_path / name).write_bytes(b"")
    images, videos = split_sources([str(tmp_path), str(tmp_path / "c.mp4")])
    assert [path.name for path in images] == ["a.png", "b.JPG"] and [path.name for path in videos] == ["c.mp4"]
    (tmp_path / "empty").mkdir()
    for given, why in ((["none.jpg"], "does not exist"), ([tmp_path / "notes.txt"], "neither an image nor a video"),
                       ([tmp_path / "empty"], "holds no image"), ([tmp_path / "a.png"] * 2, "called a.png")):  # fmt: skip
        with pytest.raises(ReproError, match=why):
            split_sources(list(map(str, given)))


def test_boxes_of_other_images_are_refused(tmp_path, crops):
    write_json(tmp_path / "boxes.json", [{"image_id": 3, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 1}])
    run = repro.load_run(crops.key, device="cpu")
    with pytest.raises(ReproError, match="a.jpg is taken for image 1"):
        choose_boxes(run, str(tmp_path / "boxes.json"), {"a.jpg": 1})


def test_keypoints_below_the_least_score_are_not_drawn():
    image = np.full((64, 64, 3), 9, np.uint8)
    points, heights = np.full((1, 17, 2), 32.0), np.full((1, 17), 0.3)
    found = repro.Found(COCO17, points, heights, np.array([0.5]), np.zeros((1, 4)))
    assert (repro.draw_people(image, found, least=0.31) == image).all()
    assert (repro.draw_people(image, found, least=0.3) != image).any() and (image == 9).all()


def test_pictures_are_saved_by_their_suffix(tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200
    assert (cv2.imread(str(repro.save_picture(tmp_path / "a.png", image)))[0, 0] == (0, 0, 200)).all()
    for name, why in (("a", "names no format"), ("a.xyz", "names no format"), ("no/a.png", "cannot be written")):
        with pytest.raises(ReproError, match=why):
            repro.save_picture(tmp_path / name, image)
