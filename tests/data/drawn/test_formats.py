"""Every annotation format: pycocotools loads it, and the ground truth as its own prediction gives AP 1."""

from __future__ import annotations

import contextlib
import copy
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from repro.data.catalogue import load_persons
from repro.data.check import check_data
from repro.data.drawn.export import export_people
from repro.data.drawn.formats import coco_file, point_indices, wholebody_dict
from repro.data.drawn.load import load_people, load_scenes
from repro.data.drawn.people import POINT_NAMES
from repro.data.drawn.preview import draw_keypoints, person_sheet, scene_sheet, tile, write_sheet
from repro.data.drawn.scenes import crowd_index
from repro.data.drawn.settings import PeopleSettings
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, LSPET14, MPII16
from repro.skeletons.wholebody import FACE_PAIRS, WHOLEBODY133

SIZE, SCENE = (48, 64), (192, 192)
NAMES = ("coco17", "mpii16", "crowdpose14", "lspet14", "wholebody133")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def quiet(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


def loaded(content: dict) -> COCO:
    coco = COCO()
    coco.dataset = json.loads(json.dumps(content))
    quiet(coco.createIndex)
    return coco


def average_precision(
    truth: COCO, keypoints: dict[int, list[float]], sigmas: np.ndarray, boxes_area: bool = False
) -> np.ndarray:
    """COCOeval's ten numbers for predictions that are the truth of each annotation, score 1."""
    results = [
        {"image_id": a["image_id"], "category_id": 1, "keypoints": keypoints[i], "score": 1.0}
        for i, a in truth.anns.items()
        if a["num_keypoints"]
    ]
    evaluation = COCOeval(truth, quiet(truth.loadRes, results), "keypoints")
    evaluation.params.kpt_oks_sigmas = sigmas
    quiet(evaluation.evaluate)
    quiet(evaluation.accumulate)
    quiet(evaluation.summarize)
    return evaluation.stats


def check_ap(stats: np.ndarray) -> None:
    """AP, AP50, AP75, AR of all sizes are 1; sizes that do not occur are -1."""
    assert stats[[0, 1, 2, 5]] == pytest.approx(np.ones(4))
    assert all(value in (-1, pytest.approx(1)) for value in stats)


@pytest.mark.parametrize("name", NAMES)
def test_truth_as_prediction_of_single_persons(name):
    persons = load_people("val", name, limit=12, size=SIZE)
    assert len(persons) == 12
    assert persons.keypoints.shape == (12, len(persons.skeleton), 2)
    content = coco_file(
        persons.skeleton, persons.annotations, persons.images.ids, tuple(persons.images.sizes[0].tolist())
    )
    content["annotations"] = [dict(a) for a in persons.annotations]
    truth = loaded(content)
    check_ap(average_precision(truth, {i: a["keypoints"] for i, a in truth.anns.items()}, persons.skeleton.sigma_array))


@pytest.mark.parametrize("name", NAMES)
def test_truth_as_prediction_of_scenes(name):
    scenes = load_scenes("val", name, limit=10, size=SCENE)
    truth = loaded(
        {**coco_file(scenes.skeleton, (), scenes.images.ids, SCENE), "annotations": list(scenes.annotations)}
    )
    check_ap(average_precision(truth, {i: a["keypoints"] for i, a in truth.anns.items()}, scenes.skeleton.sigma_array))
    for annotation in truth.anns.values():
        assert truth.annToMask(annotation).sum() == pytest.approx(
            annotation["area"] if name != "crowdpose14" else truth.annToMask(annotation).sum()
        )


def test_whole_body_parts_evaluate_to_1_and_fit_their_boxes():
    scenes = load_scenes("val", "wholebody133", limit=10, size=SCENE)
    whole = coco_file(scenes.skeleton, scenes.annotations, scenes.images.ids, SCENE)
    keys = {
        "body": "keypoints",
        "foot": "foot_kpts",
        "face": "face_kpts",
        "lefthand": "lefthand_kpts",
        "righthand": "righthand_kpts",
    }
    for part, members in WHOLEBODY133.parts:
        content = copy.deepcopy(whole)
        for annotation in content["annotations"]:
            rows = np.array(annotation[keys[part]]).reshape(-1, 3)
            assert len(rows) == len(members)
            seen = rows[rows[:, 2] > 0]
            if part != "body":
                assert annotation[f"{part}_valid"] == bool(len(seen))
            if part not in ("body", "foot") and len(seen):
                x, y, w, h = annotation[f"{part}_box"]
                assert [seen[:, 0].min(), seen[:, 1].min()] == pytest.approx([x, y])
                assert [seen[:, 0].max(), seen[:, 1].max()] == pytest.approx([x + w, y + h])
            annotation["keypoints"], annotation["num_keypoints"] = rows.ravel().tolist(), len(seen)
        truth = loaded(content)
        sigmas = WHOLEBODY133.sigma_array[[WHOLEBODY133.index(m) for m in members]]
        assert any(a["num_keypoints"] for a in truth.anns.values()), part
        check_ap(average_precision(truth, {i: a["keypoints"] for i, a in truth.anns.items()}, sigmas))


def test_whole_body_dict_of_one_person_worked_by_hand():
    rows = np.zeros((133, 3))
    rows[[0, 17, 91]] = [(1, 2, 2), (3, 4, 1), (5, 6, 2)]  # nose, left big toe, wrist of the left hand
    out = wholebody_dict({"keypoints": rows.ravel().tolist(), "num_keypoints": 3, "id": 7})
    assert out["keypoints"][:3] == [1, 2, 2] and len(out["keypoints"]) == 51 and out["num_keypoints"] == 1
    assert out["foot_kpts"][:3] == [3, 4, 1] and len(out["foot_kpts"]) == 18
    assert out["lefthand_kpts"][:3] == [5, 6, 2] and out["lefthand_box"] == [5, 6, 0, 0]
    assert (out["foot_valid"], out["lefthand_valid"], out["righthand_valid"], out["face_valid"]) == (
        True,
        True,
        False,
        False,
    )
    assert (len(out["face_kpts"]), len(out["righthand_kpts"]), out["id"]) == (204, 63, 7)


def test_the_133_keypoints():
    names = WHOLEBODY133.keypoints
    assert len(names) == len(set(names)) == 133
    pairs = sorted(tuple(sorted(pair)) for pair in WHOLEBODY133.flip_pairs)
    body = [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)]
    feet = [(17, 20), (18, 21), (19, 22)]
    hands = [(91 + i, 112 + i) for i in range(21)]
    face = sorted((23 + min(p), 23 + max(p)) for p in FACE_PAIRS)
    assert face[0] == (23, 39) and face[-1] == (88, 90) and len(face) == 29
    assert pairs == body + feet + face + hands
    assert names[52 : 52 + 2] == ("face_29", "face_30")  # the bridge of the nose lies in the middle
    assert WHOLEBODY133.sigmas[17:23] == (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
    assert WHOLEBODY133.sigmas[23] == 0.042 and WHOLEBODY133.sigmas[90] == 0.008
    assert WHOLEBODY133.sigmas[91:112] == WHOLEBODY133.sigmas[112:]
    assert [len(members) for _, members in WHOLEBODY133.parts] == [17, 6, 68, 21, 21]


def test_skeletons_share_their_joints():
    by_name = {name: load_people("val", name, limit=12, size=SIZE) for name in NAMES}
    coco, crowd, mpii = by_name["coco17"], by_name["crowdpose14"], by_name["mpii16"]
    for joint in ("left_wrist", "right_knee", "left_hip"):
        at = coco.keypoints[:, COCO17.index(joint)]
        for name, skeleton in (("crowdpose14", CROWDPOSE14), ("mpii16", MPII16), ("lspet14", LSPET14)):
            assert (by_name[name].keypoints[:, skeleton.index(joint)] == at).all()
    hips = coco.keypoints[:, [COCO17.index("left_hip"), COCO17.index("right_hip")]].mean(1)
    assert np.abs(mpii.keypoints[:, MPII16.index("pelvis")] - hips).max() < 1.0
    assert POINT_NAMES[point_indices(MPII16)[MPII16.index("neck")]] == "upper_neck"
    assert POINT_NAMES[point_indices(CROWDPOSE14)[CROWDPOSE14.index("neck")]] == "neck"
    for i, annotation in enumerate(crowd.annotations):
        assert annotation["area"] == pytest.approx(0.53 * crowd.boxes[i, 2] * crowd.boxes[i, 3])
        assert annotation["num_keypoints"] == (crowd.visibility[i, :12] > 0).sum()
    assert coco.images.folder == crowd.images.folder  # one cache for all


def test_label_noise_moves_training_labels_only():
    calm = PeopleSettings(label_noise=0.0)
    exact, noisy = (load_people("train", limit=40, size=SIZE, settings=s) for s in (calm, PeopleSettings()))
    moved = (noisy.keypoints - exact.keypoints) / np.sqrt(exact.areas / 2)[:, None, None]
    spread = moved.std(axis=(0, 2))
    assert spread == pytest.approx(COCO17.sigma_array, rel=0.45)
    assert np.corrcoef(spread, COCO17.sigma_array)[0, 1] > 0.9
    assert exact.fingerprint() != noisy.fingerprint()
    assert (noisy.keypoints == load_people("train", limit=40, size=SIZE).keypoints).all()
    head = load_people("train", limit=10, size=SIZE)  # a smaller set is the beginning of a larger one
    assert (head.keypoints == noisy.keypoints[:10]).all()
    validation = [load_people("val", limit=12, size=SIZE, settings=s) for s in (calm, PeopleSettings())]
    assert (validation[0].keypoints == validation[1].keypoints).all()


def test_coco_export_passes_the_check_and_reads_back(tmp_path):
    export_people(tmp_path, counts={"train": 4, "val": 3}, size=SCENE)
    problems = check_data("coco", tmp_path, decode=True)
    assert [p for p in problems if p.severity == "error"] == []
    persons = load_persons("coco", tmp_path, "val")
    scenes = load_scenes("val", limit=3, size=SCENE)
    kept = [a for a in scenes.annotations if a["num_keypoints"]]
    assert len(persons) == len(kept) > 0
    expected = np.array([a["keypoints"] for a in kept]).reshape(-1, 17, 3)
    assert np.where(expected[..., 2:] > 0, expected[..., :2], 0) == pytest.approx(persons.keypoints, abs=1e-6)
    assert (persons.images.read(0) == scenes.images.read(0)).all()
    truth = quiet(COCO, tmp_path / "annotations" / "person_keypoints_val2017.json")
    check_ap(average_precision(truth, {i: a["keypoints"] for i, a in truth.anns.items()}, COCO17.sigma_array))


def test_mpii_export_passes_the_check_and_evaluates_to_100(tmp_path):
    export_people(tmp_path, "mpii16", kind="persons", counts={"train": 3, "val": 5}, size=SIZE)
    assert [p for p in check_data("mpii", tmp_path, decode=True) if p.severity == "error"] == []
    drawn, read = load_people("val", "mpii16", limit=5, size=SIZE), load_persons("mpii", tmp_path, "val")
    labelled = drawn.visibility > 0
    assert (labelled == (read.visibility > 0)).all()
    assert read.keypoints[labelled] == pytest.approx(drawn.keypoints[labelled], abs=0.01)
    assert read.head_sizes == pytest.approx(drawn.head_sizes, rel=1e-3)
    middle = drawn.boxes[:, :2] + (drawn.boxes[:, 2:] - 1) / 2
    assert read.boxes[:, :2] + read.boxes[:, 2:] / 2 == pytest.approx(middle, abs=1e-6)


def test_crowdpose_and_whole_body_exports_load(tmp_path):
    (path,) = export_people(tmp_path, "crowdpose14", counts={"val": 6}, size=SCENE)
    truth = quiet(COCO, path)
    scenes = load_scenes("val", "crowdpose14", limit=6, size=SCENE)
    indices = np.array([truth.imgs[i]["crowdIndex"] for i in sorted(truth.imgs)])
    assert indices == pytest.approx(scenes.crowd_indices, abs=1e-4)
    first = scenes.of_image(0)
    rows = np.array([a["keypoints"] for a in first]).reshape(len(first), 14, 3)
    boxes = np.array([a["bbox"] for a in first])
    assert scenes.crowd_indices[0] == pytest.approx(crowd_index(rows[..., :2], rows[..., 2] > 0, boxes))
    check_ap(average_precision(truth, {i: a["keypoints"] for i, a in truth.anns.items()}, CROWDPOSE14.sigma_array))
    (path,) = export_people(tmp_path, "wholebody133", counts={"val": 4}, size=SCENE)
    whole = quiet(COCO, path)
    assert all(len(a["face_kpts"]) == 204 and len(a["keypoints"]) == 51 for a in whole.anns.values())
    assert (tmp_path / "val2017" / whole.loadImgs(1_000_001)[0]["file_name"]).exists()


def test_what_cannot_be_exported_says_so(tmp_path):
    with pytest.raises(ReproError, match="single persons only"):
        export_people(tmp_path, "mpii16", counts={"val": 1})
    with pytest.raises(ReproError, match="Unknown skeleton to export 'lspet14'"):
        export_people(tmp_path, "lspet14", counts={"val": 1})


@pytest.mark.parametrize(
    ("skeleton", "file"), [("coco17", "annotations/person_keypoints_val2017.json"), ("mpii16", "annot/valid.json")]
)
def test_an_export_replaces_an_earlier_one_and_nobody_elses_annotations(tmp_path, skeleton, file):
    for _ in range(2):
        export_people(tmp_path, skeleton, kind="persons", counts={"val": 1}, size=SIZE)
    for text in ('{"info": {"description": "photographs"}}', '[{"image": "a.jpg"}]', "cut {"):
        (tmp_path / file).write_text(text)
        with pytest.raises(ReproError, match="was not exported from here: give another folder, or remove the file"):
            export_people(tmp_path, skeleton, kind="persons", counts={"train": 1, "val": 1}, size=SIZE)
        assert (tmp_path / file).read_text() == text
    assert not list(tmp_path.rglob("*train*")), "nothing is written before all splits are looked at"


def test_contact_sheets_show_the_keypoints(tmp_path):
    persons, scenes = load_people("val", limit=12, size=SIZE), load_scenes("val", limit=10, size=SCENE)
    sheet = person_sheet(persons, 5, 3, zoom=2)
    assert sheet.shape == (2 * 2 * 96, 3 * 2 * 72, 3)
    assert (sheet[192:, 2 * 144 :] == 0).all()  # the sixth place is empty
    assert (sheet != person_sheet(persons, 5, 3, zoom=2, labels=False)).any()
    assert write_sheet(tmp_path / "new" / "sheet.png", scene_sheet(scenes, 4, 2)).exists()
    with pytest.raises(ReproError, match="name ending in .png"):
        write_sheet(tmp_path / "sheet.none", sheet)
    with pytest.raises(ReproError, match="0 images"):
        tile([], 3)


def test_keypoints_are_drawn_at_the_centre_of_their_pixel():
    points, visibility = np.full((17, 2), 0.0), np.zeros(17)
    points[5], visibility[5] = (4, 6), 2
    drawn = draw_keypoints(np.zeros((12, 10, 3), np.uint8), points, visibility, COCO17, zoom=3)
    rows, columns = np.nonzero(drawn.sum(2))
    assert (columns.mean(), rows.mean()) == pytest.approx((4 * 3 + 1, 6 * 3 + 1))
    assert drawn[19, 13, 0] > drawn[19, 13, 2]  # left is red
