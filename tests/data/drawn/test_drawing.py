"""The drawn data set as a whole: the same everywhere, never the same twice, and loadable."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from repro.data.drawn.backgrounds import noise_tiles
from repro.data.drawn.crops import crop_image_size, draw_crop
from repro.data.drawn.effects import decode_jpeg, encode_jpeg
from repro.data.drawn.people import POINT
from repro.data.drawn.poses import ARMS, POSES
from repro.data.drawn.scenes import draw_scene
from repro.data.drawn.settings import MILD, STREAMS, WHOLE_BODY, PeopleSettings, stream
from repro.errors import ReproError
from repro.geometry import box_to_center_scale

SETTINGS = PeopleSettings()
# Change these only together with PeopleSettings.revision: they say that the data set is another one.
CROP_LABELS = "40b18bfef2859be4"
SCENE_LABELS = "981d2e56733ad279"
CROP_COLORS = [138.73, 144.73, 140.36]
SCENE_COLORS = [99.17, 110.06, 122.45]


def digest(pictures) -> str:
    """A hash of the labels, rounded so that the last bits of a machine's arithmetic do not matter."""
    out = hashlib.sha256()
    for picture in pictures:
        out.update(np.round(picture.labels.points.astype(np.float64), 1).tobytes())
        out.update(picture.labels.visibility.tobytes())
    return out.hexdigest()[:16]


def mean_colors(pictures) -> np.ndarray:
    return np.mean([decode_jpeg(p.jpeg).reshape(-1, 3).mean(0) for p in pictures], axis=0)


@pytest.fixture(scope="module")
def crops():
    return [draw_crop(SETTINGS, "train", i, (48, 64)) for i in range(16)]


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(SETTINGS, "train", i, (192, 192)) for i in range(8)]


def test_labels_and_pictures_are_those_of_the_data_set(crops, scenes):
    assert (digest(crops), digest(scenes)) == (CROP_LABELS, SCENE_LABELS)
    assert mean_colors(crops) == pytest.approx(CROP_COLORS, abs=1.0)
    assert mean_colors(scenes) == pytest.approx(SCENE_COLORS, abs=1.0)


def test_an_image_does_not_depend_on_those_drawn_before(crops, scenes):
    again = draw_crop(SETTINGS, "train", 11, (48, 64))
    assert again.jpeg == crops[11].jpeg
    assert (again.labels.points == crops[11].labels.points).all()
    assert draw_scene(SETTINGS, "train", 5, (192, 192)).jpeg == scenes[5].jpeg


def test_splits_indices_seeds_and_kinds_never_share_random_numbers():
    first = set()
    for seed in (0, 1):
        for kind in STREAMS:
            for split in ("train", "val", "test"):
                for index in range(40):
                    first.add(float(stream(PeopleSettings(seed=seed), split, index, kind).random()))
    assert len(first) == 2 * len(STREAMS) * 3 * 40


def test_splits_share_no_image(crops):
    pictures = {p.jpeg for p in crops}
    for split in ("val", "test"):
        pictures |= {draw_crop(SETTINGS, split, i, (48, 64)).jpeg for i in range(16)}
    assert len(pictures) == 48


def test_the_padded_box_is_about_the_input_of_the_network():
    """The crop of the top-down pipeline keeps the drawn scale, within the drawn spread and cutting by things before."""
    plain = PeopleSettings(occluders=0, neighbours=0, truncation=0)
    factors, inside = [], []
    for index in range(40):
        labels = draw_crop(plain, "train", index, (48, 64)).labels
        center, scale = box_to_center_scale(labels.boxes, 48 / 64)
        factors.append(scale[0, 0] * 200 / 48)
        inside.append(np.abs(center[0] - np.array(crop_image_size((48, 64))) / 2) / (48, 64))
    assert np.mean(factors) == pytest.approx(1.0, abs=0.05)
    assert np.std(factors) < 0.12
    assert np.max(inside) < 0.2


def test_truncated_people_end_at_the_border():
    always = PeopleSettings(truncation=1, occluders=0, neighbours=0)
    width, height = crop_image_size((48, 64))
    for index in range(20):
        x, y, w, h = draw_crop(always, "train", index, (48, 64)).labels.boxes[0]
        assert min(x, y, width - x - w, height - y - h) <= 1


def test_close_ups_end_at_the_border_and_show_larger_faces():
    """Nearly all people are cut, and of few an ankle is left, which stretched or bent legs bring above the cut."""
    plain = PeopleSettings(sport=0, roll=0, occluders=0, neighbours=0, truncation=0)
    close = replace(plain, close_up=1.0)
    width, height = crop_image_size((96, 128))
    ankles, faces = [POINT["left_ankle"], POINT["right_ankle"]], [POINT["face_8"], POINT["face_27"]]
    cut, walking, lengths = 0, 0, {plain: [], close: []}
    for index in range(16):
        for settings, found in lengths.items():
            labels = draw_crop(settings, "train", index, (96, 128)).labels
            center, scale = box_to_center_scale(labels.boxes, 96 / 128)
            assert scale[0, 0] * 200 / 96 == pytest.approx(1, abs=0.35)  # the padded box is about the input
            found.append(float(np.hypot(*np.diff(labels.points[0, faces], axis=0)[0])))
        x, y, w, h = labels.boxes[0]
        cut += min(x, y, width - x - w, height - y - h) <= 1
        walking += labels.visibility[0, ankles].any()
    assert cut >= 13 and walking <= 4
    assert np.median(lengths[close]) > 1.4 * np.median(lengths[plain])


def test_without_close_ups_the_settings_and_their_names_are_those_of_before():
    assert "close_up" not in PeopleSettings().as_dict()
    assert (PeopleSettings().fingerprint(), MILD.fingerprint()) == ("369dd89079fc1753", "766898ab19e9b5de")
    close = replace(MILD, close_up=0.9)
    assert close.as_dict() == {**MILD.as_dict(), "close_up": 0.9}
    assert close.fingerprint() not in (PeopleSettings().fingerprint(), MILD.fingerprint(), WHOLE_BODY.fingerprint())
    with pytest.raises(ReproError, match=r"PeopleSettings.close_up is 1.2"):
        PeopleSettings(close_up=1.2)


def test_scenes_hold_crowds_and_people_of_very_different_size():
    heights, counts = [], []
    for index in range(60):
        labels = draw_scene(PeopleSettings(clutter=0), "val", index, (128, 128)).labels
        counts.append(len(labels.areas))
        heights += (labels.heights * 4).tolist()  # as in a scene of 512 px
    assert min(counts) <= 1 and max(counts) >= 9 and max(counts) <= 12
    assert min(heights) < 40 and max(heights) > 250
    assert max(heights) < 400 * 1.2


def test_a_face_looks_away_as_often_as_not_but_hands_are_seen():
    """Front and back: the nose is visible in part of the people only."""
    nose = [
        draw_crop(PeopleSettings(occluders=0, neighbours=0), "val", i, (48, 64)).labels.visibility[0, POINT["nose"]]
        for i in range(60)
    ]
    assert 0.3 < np.mean(np.array(nose) == 2) < 0.9


def test_poses_name_arms_that_exist_and_both_kinds_occur():
    assert {arm for pose in POSES.values() for arm in pose[6]} <= set(ARMS)
    assert all(pose[0] + pose[1] > 0 for pose in POSES.values())


def test_noise_tiles_are_periodic_with_mean_0_and_spread_1():
    tiles = noise_tiles()
    assert (tiles[:, :, :256, :256] == tiles[:, :, 256:, 256:]).all()
    tiles = tiles[:, :, :256, :256]
    assert tiles.mean(axis=(2, 3)) == pytest.approx(np.zeros(tiles.shape[:2]), abs=1e-4)
    assert tiles.std(axis=(2, 3)) == pytest.approx(np.ones(tiles.shape[:2]), rel=1e-4)
    smooth = tiles[3, 0]
    assert np.abs(smooth[0] - smooth[-1]).mean() == pytest.approx(np.abs(smooth[0] - smooth[1]).mean(), rel=0.3)


def test_jpeg_keeps_the_order_of_channels():
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 200
    assert decode_jpeg(encode_jpeg(image, 95)).mean(axis=(0, 1)) == pytest.approx([200, 0, 0], abs=3)
    with pytest.raises(ReproError, match="4 bytes that should be a JPEG"):
        decode_jpeg(b"none")
    assert cv2.imdecode(np.frombuffer(encode_jpeg(image, 95), np.uint8), cv2.IMREAD_COLOR)[0, 0, 2] > 190


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blur": 1.5}, "PeopleSettings.blur is 1.5"),
        ({"smallest": 500.0}, "sizes 500.0 to 400.0 px"),
        ({"jpeg_quality": (90, 20)}, "JPEG quality 90 to 20"),
        ({"crowd": 0}, "at most 0 people"),
    ],
)
def test_settings_that_cannot_be_drawn(change, message):
    with pytest.raises(ReproError, match=message):
        PeopleSettings(**change)


def test_fingerprints_follow_every_field():
    base = PeopleSettings()
    prints = {base.fingerprint()}
    for name, value in base.as_dict().items():
        changed = [10, 90] if name == "jpeg_quality" else value + 1 if isinstance(value, int) else value * 0.5 + 0.01
        prints.add(PeopleSettings(**{**base.as_dict(), name: changed}).fingerprint())
    assert len(prints) == 1 + len(base.as_dict())
    assert PeopleSettings(**base.as_dict()) == base


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("valid", 0, "crop"), "Unknown split 'valid'"), (("val", -1, "crop"), "-1"), (("val", 0, "crops"), "'crops'")],
)
def test_streams_of_nothing(arguments, message):
    with pytest.raises(ReproError, match=message):
        stream(SETTINGS, *arguments)
