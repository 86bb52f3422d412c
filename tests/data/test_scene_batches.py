from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as run_length
from torch import Tensor

from repro.data.coco_format import read_images
from repro.data.images import ImageSet
from repro.data.scene_augment import SceneAugmentation, draw_scene_crops, scene_matrices
from repro.data.scene_batches import SceneBatches, SceneInput
from repro.errors import ReproError
from repro.geometry import transform_points
from repro.skeletons.skeleton import COCO17

LEFT, RIGHT = COCO17.index("left_wrist"), COCO17.index("right_wrist")
INPUT = SceneInput(size=(128, 128))
USUAL = SceneAugmentation()
STILL = SceneAugmentation(scale=(1.0, 1.0), rotation=0, translation=0, mirror=0)
MIRRORED = SceneAugmentation(scale=(1.0, 1.0), rotation=0, translation=0, mirror=1)


@dataclass(frozen=True)
class Blobs:
    """Images with a red blob and a green one at the two places each, on a ground of its own blue."""

    places: np.ndarray  # (M, 2, 2) x, y
    sizes: np.ndarray

    @property
    def ids(self) -> np.ndarray:
        return 100 + np.arange(len(self.places))

    def read(self, index: int) -> np.ndarray:
        width, height = self.sizes[index]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        image = np.full((height, width, 3), 10 * index, dtype=np.float64)
        for channel, (cx, cy) in enumerate(self.places[index]):
            image[..., channel] = 250 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 5.0**2))
        return np.round(image).astype(np.uint8)


def scenes(
    counts: tuple[int, ...],
    *,
    sizes: tuple[tuple[int, int], ...] | None = None,
    hidden: dict[int, np.ndarray] | None = None,
) -> ImageSet:
    """Images of 128 x 128 px with so many people each; the loss must not look at the ``hidden`` (H, W) px of an image.

    Everybody's left wrist is the red blob and the right wrist, which every second person has not labelled, the green one."""
    rng = np.random.default_rng(5)
    m, n = len(counts), sum(counts)
    shape = np.array(sizes or [(128, 128)] * m)
    places = rng.uniform([50, 50], [78, 78], (m, 2, 2))
    image_index = np.repeat(np.arange(m), counts)
    keypoints, visibility = np.zeros((n, 17, 2)), np.zeros((n, 17), dtype=np.int8)
    keypoints[:, [LEFT, RIGHT]] = places[image_index]
    visibility[:, LEFT], visibility[::2, RIGHT] = 2, 1
    codes = {i: run_length.encode(np.asfortranarray(h.astype(np.uint8)))["counts"] for i, h in (hidden or {}).items()}
    return ImageSet(
        skeleton=COCO17,
        images=Blobs(places, shape),
        annotations=(),
        crowd_indices=None,
        ignored=codes,
        image_index=image_index,
        person_ids=np.arange(n),
        keypoints=keypoints,
        visibility=visibility,
        boxes=np.tile([20.0, 30.0, 40.0, 60.0], (n, 1)) + np.arange(n)[:, None],
        areas=1000.0 + np.arange(n),
    )


def epoch(batches: SceneBatches, augmentation: SceneAugmentation = USUAL, **arguments: int) -> list[dict[str, Tensor]]:
    return list(batches.training_epoch(augmentation, **{"seed": 1, "epoch": 0, "batch": 4, **arguments}))


def same(first: list[dict[str, Tensor]], second: list[dict[str, Tensor]]) -> bool:
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(first, second, strict=True)
    )


def blob_centres(image: Tensor) -> np.ndarray:
    """(2, 2) x, y: centres of mass of the red and of the green channel of an image (H, W, 3)."""
    values = image.double().numpy()
    y, x = np.mgrid[: values.shape[0], : values.shape[1]]
    return np.array([[(values[..., c] * v).sum() / values[..., c].sum() for v in (x, y)] for c in (0, 1)])


def test_shapes_and_kinds():
    (batch,) = epoch(SceneBatches(scenes((1, 3, 0, 2)), INPUT))
    people = {"points": (4, 3, 17, 2), "labelled": (4, 3, 17), "boxes": (4, 3, 4), "areas": (4, 3)}
    shapes = {**people, "segment_areas": (4, 3), "mask": (4, 32, 32)}
    assert {k: tuple(batch[k].shape) for k in shapes} == shapes
    assert all(batch[k].dtype == torch.float32 for k in shapes)
    assert batch["images"].shape == (4, 128, 128, 3) and batch["images"].dtype == torch.uint8
    assert batch["present"].dtype == torch.bool and batch["index"].dtype == torch.int64
    assert set(batch) == {*shapes, "images", "present", "index"}


def test_people_stand_by_their_images_and_nobody_elsewhere():
    counts = (1, 3, 0, 2)
    images = scenes(counts)
    (batch,) = epoch(SceneBatches(images, INPUT), STILL)
    for row, index in enumerate(batch["index"].tolist()):
        assert batch["present"][row].tolist() == [slot < counts[index] for slot in range(3)]
        own = images.image_index == index
        assert batch["segment_areas"][row, : counts[index]].tolist() == images.areas[own].tolist()
        np.testing.assert_allclose(batch["boxes"][row, : counts[index]], images.boxes[own], atol=1e-4)
        for name in ("points", "labelled", "boxes", "areas", "segment_areas"):
            assert (batch[name][row, counts[index] :] == 0).all()
    assert (batch["points"][batch["labelled"] == 0] == 0).all()


def test_images_without_people_make_a_batch_with_one_empty_place():
    (batch,) = epoch(SceneBatches(scenes((0, 0)), INPUT), batch=2)
    assert batch["points"].shape == (2, 1, 17, 2)
    assert not batch["present"].any()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_points_follow_the_pixels(seed):
    """Wherever an image is cut, turned and mirrored, its points lie on its blobs; left and right wrists have changed places
    in a mirrored one, where the red blob, the left wrist of the picture, is labelled as the right one."""
    still = SceneAugmentation(scale=(0.9, 1.3), rotation=30, translation=0.1)
    images = scenes((1, 1, 1))
    (batch,) = epoch(SceneBatches(images, INPUT), still, seed=seed, batch=3)
    rng = np.random.default_rng([seed, 0])
    rng.permutation(3)
    mirrored = draw_scene_crops(images.images.sizes, still, rng).mirrored
    for row, index in enumerate(batch["index"].tolist()):
        red, green = (RIGHT, LEFT) if mirrored[index] else (LEFT, RIGHT)
        labelled = batch["labelled"][row, 0]
        assert labelled[red] == 1 and labelled.sum() == 2 - index % 2 and labelled[green] == 1 - index % 2
        centres = blob_centres(batch["images"][row])
        np.testing.assert_allclose(batch["points"][row, 0, red], centres[0], atol=0.3)
        if labelled[green]:
            np.testing.assert_allclose(batch["points"][row, 0, green], centres[1], atol=0.3)


def test_mirrored_image_is_the_plain_one_turned_over():
    hidden = {0: np.tile(np.arange(128) < 30, (128, 1))}
    batches = SceneBatches(scenes((1,), hidden=hidden), INPUT)
    (plain,), (mirrored,) = epoch(batches, STILL, batch=1), epoch(batches, MIRRORED, batch=1)
    assert torch.equal(mirrored["images"].flip(2), plain["images"])
    np.testing.assert_allclose(mirrored["points"][0, 0, RIGHT, 0], 127 - plain["points"][0, 0, LEFT, 0], atol=1e-4)
    np.testing.assert_allclose(mirrored["boxes"][0, 0], [127 - 60, 30, 40, 60], atol=1e-4)
    looked = mirrored["mask"][0, 0]  # map px i is input px 4 i, which shows px 127 - 4 i: hidden for 4 i > 97
    assert looked.tolist() == [float(127 - 4 * i >= 30) for i in range(32)]


def test_boxes_are_scaled_but_not_turned():
    """An image of 256 px becomes 128 px and is turned: lengths are halved, the middle of the box stays on its picture."""
    turned = SceneAugmentation(scale=(1.0, 1.0), rotation=30, translation=0, mirror=0)
    images = scenes((1,), sizes=((256, 256),))
    (batch,) = epoch(SceneBatches(images, INPUT), turned, batch=1)
    x, y, width, height = batch["boxes"][0, 0].tolist()
    assert (width, height) == pytest.approx((20, 30), abs=1e-4)
    assert batch["areas"][0, 0] == pytest.approx(600, abs=1e-2)
    rng = np.random.default_rng([1, 0])
    rng.permutation(1)
    matrices = scene_matrices(draw_scene_crops(images.images.sizes, turned, rng), 128)
    np.testing.assert_allclose(
        (x + 10, y + 15), transform_points(matrices, np.array([[[40.0, 60.0]]]))[0, 0], atol=1e-4
    )
    assert batch["segment_areas"][0, 0] == 1000  # of the annotation, whatever is shown


def test_mask_hides_regions_and_what_lies_beyond_the_image():
    """A square of 1.5 x 128 = 192 px around the image becomes 128 px: 2 / 3 px for 1, so that the image fills x_input from
    64 - 128 / 3 = 21.3 to 106.7, map px 6 to 26; image px 60 to 99 lie at x_input 61.3 to 87.3, map px 16 to 21."""
    hidden = np.zeros((128, 128), dtype=bool)
    hidden[:, 60:100] = True
    out = SceneAugmentation(scale=(1.5, 1.5), rotation=0, translation=0, mirror=0)
    (batch,) = epoch(SceneBatches(scenes((1,), hidden={0: hidden}), INPUT), out, batch=1)
    expected = [float(6 <= i <= 26 and not 16 <= i <= 21) for i in range(32)]
    assert batch["mask"][0, 16].tolist() == expected
    assert batch["mask"][0, 5].sum() == 0 and batch["mask"][0, 27].sum() == 0
    assert batch["images"][0, :, :21].sum() == 0  # the border is black


def test_finer_mask_holds_the_coarser_one():
    hidden = {i: np.random.default_rng(i).random((128, 128)) < 0.3 for i in range(4)}
    images = scenes((1, 1, 1, 1), hidden=hidden)
    (coarse,), (fine,) = (epoch(SceneBatches(images, SceneInput(size=(128, 128), stride=s))) for s in (4, 2))
    assert fine["mask"].shape == (4, 64, 64)
    assert torch.equal(fine["mask"][:, ::2, ::2], coarse["mask"])


def test_epochs_are_functions_of_seed_and_epoch():
    images = scenes(tuple(range(9)))
    first = epoch(SceneBatches(images, INPUT))
    assert [len(b["index"]) for b in first] == [4, 4]
    batches = SceneBatches(images, INPUT)
    epoch(batches, epoch=3)
    assert same(first, epoch(batches))  # whatever was drawn before
    for other in (epoch(batches, epoch=1), epoch(batches, seed=2)):
        assert not same(first, other)
        assert [b["index"].tolist() for b in first] != [b["index"].tolist() for b in other]
    seen = torch.cat([b["index"] for b in first]).tolist()
    assert len(set(seen)) == 8


def test_batches_do_not_depend_on_workers():
    images = scenes((2, 1, 3, 1, 2, 1), hidden={1: np.ones((128, 128), dtype=bool)})
    plain, working = SceneBatches(images, INPUT), SceneBatches(images, INPUT, workers=2)
    for number in range(2):
        assert same(epoch(plain, batch=2, epoch=number), epoch(working, batch=2, epoch=number))


def test_processes_share_each_step():
    batches = SceneBatches(scenes((1, 2, 3, 1, 2, 3, 1, 1, 1)), INPUT)
    whole = epoch(batches)
    shares = [epoch(batches, rank=rank, world=2) for rank in range(2)]
    for step, (a, b) in zip(whole, zip(*shares, strict=True), strict=True):
        assert a["index"].tolist() == step["index"][::2].tolist()
        assert b["index"].tolist() == step["index"][1::2].tolist()
        assert torch.equal(b["images"], step["images"][1::2])


def test_an_epoch_ends_when_the_next_begins():
    batches = SceneBatches(scenes((1,) * 8), INPUT)
    first = batches.training_epoch(USUAL, seed=0, epoch=0, batch=2)
    next(first)
    next(batches.training_epoch(USUAL, seed=0, epoch=1, batch=2))
    with pytest.raises(RuntimeError, match="use a loader for each"):
        list(first)


def test_evaluation_shows_whole_images_at_all_scales():
    """160 x 128 px become 160 x 128 px on a canvas of 192 x 128: shifted by 16 px, and back by the inverse."""
    images = scenes((1, 0), sizes=((160, 128), (128, 256)))
    shown = list(SceneBatches(images, INPUT).evaluation((0.5, 1, 2)))
    assert [s.index.tolist() for s in shown] == [[0], [1]]
    first, second = shown
    assert {k: tuple(v.shape) for k, v in first.images.items()} == {
        0.5: (1, 64, 96, 3),
        1: (1, 128, 192, 3),
        2: (1, 256, 384, 3),
    }
    assert second.images[1].shape == (1, 256, 128, 3)
    np.testing.assert_allclose(first.matrices[0], [[1, 0, 16], [0, 1, 0]])
    np.testing.assert_allclose(first.inverses[0], [[1, 0, -16], [0, 1, 0]])
    assert torch.equal(first.images[1][0, :, 16:176], torch.from_numpy(images.images.read(0)))
    assert first.images[1][0, :, :16].sum() == 0 and first.images[1][0, :, 176:].sum() == 0
    places = images.images.places[0]
    for scale in (0.5, 1, 2):
        np.testing.assert_allclose(blob_centres(first.images[scale][0]), scale * (places + [16, 0]), atol=0.3)


def test_evaluation_groups_consecutive_images_of_one_size():
    sizes = ((128, 128), (128, 128), (128, 128), (160, 128), (128, 128))
    batches = SceneBatches(scenes((1,) * 5, sizes=sizes), INPUT)
    grouped = list(batches.evaluation(batch=2))
    assert [g.index.tolist() for g in grouped] == [[0, 1], [2], [3], [4]]
    single = list(batches.evaluation())
    assert torch.equal(grouped[0].images[1.0][1], single[1].images[1.0][0])
    chosen = list(batches.evaluation(index=np.array([3, 0])))
    assert [c.index.tolist() for c in chosen] == [[3], [0]]
    assert torch.equal(chosen[0].images[1.0], single[3].images[1.0])
    assert list(batches.evaluation(index=np.array([], dtype=np.int64))) == []


@pytest.mark.parametrize(
    "wrong", [{"size": (128, 64)}, {"size": (100, 100)}, {"size": (0, 0)}, {"stride": 0}, {"stride": 3}]
)
def test_inputs_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ReproError, match="give a square whose side is a multiple of 64"):
        SceneInput(**wrong)


def test_real_images(samples):
    """Whole COCO images: the resized one is what cv2.warpAffine makes of the file, and points return to their labels."""
    root = samples / "coco-mini"
    file = root / "annotations" / "person_keypoints_val2017.json"
    images = read_images(file, root / "val2017", annotated_only=True, limit=8)
    batches = SceneBatches(images, SceneInput(size=(256, 256)))
    for shown in batches.evaluation():
        index = int(shown.index[0])
        back = transform_points(shown.inverses, shown.matrices[:, None, :, 2])[0, 0]
        np.testing.assert_allclose(back, 0, atol=1e-9)  # the image's first px
        height, width = shown.images[1.0].shape[1:3]
        expected = cv2.warpAffine(images.images.read(index), shown.matrices[0], (width, height))
        assert torch.equal(shown.images[1.0][0], torch.from_numpy(expected))
    (batch,) = epoch(batches, batch=8)
    assert batch["present"].sum() == len(images.person_ids)
    assert 0 < batch["mask"].mean() < 1
