from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from repro.data.augment import Augmentation
from repro.data.crops import CropBatches, Input, normalise
from repro.data.drawn.figures import PART
from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.geometry import crop_matrices
from repro.skeletons.skeleton import COCO17

LEFT, RIGHT = COCO17.index("left_wrist"), COCO17.index("right_wrist")
SETTINGS = Input(size=(48, 64))
USUAL = Augmentation()
MIRRORED = Augmentation(scale=0, rotation_probability=0, mirror=1, half_body=0)
UNCHANGED = Augmentation(scale=0, rotation_probability=0, mirror=0, half_body=0)


@dataclass(frozen=True)
class Blobs:
    """Images of 120 x 160 px; in each a red blob and a green one at the two places, on a ground of its own blue."""

    places: np.ndarray  # (M, 2, 2) x, y

    @property
    def ids(self) -> np.ndarray:
        return 100 + np.arange(len(self.places))

    @property
    def sizes(self) -> np.ndarray:
        return np.tile([120, 160], (len(self.places), 1))

    def read(self, index: int) -> np.ndarray:
        x, y = np.meshgrid(np.arange(120), np.arange(160))
        image = np.full((160, 120, 3), 10 * index, dtype=np.float64)
        for channel, (cx, cy) in enumerate(self.places[index]):
            image[..., channel] = 250 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 6.0**2))
        return np.round(image).astype(np.uint8)


@dataclass(frozen=True)
class BlobsWithParts(Blobs):
    """The left half of each image is a left hand, the right half a torso."""

    def parts(self, index: int) -> np.ndarray:
        parts = np.full((160, 120), PART["torso"], dtype=np.uint8)
        parts[:, :60] = PART["left_hand"]
        return parts


def people(count: int, *, images: type[Blobs] = Blobs, images_count: int | None = None) -> PersonSet:
    """Persons whose left wrist is the red blob and whose right wrist is the green one; only these are labelled, the right
    one of odd persons is not. Person i is in image 3 i + 2, modulo the number of images."""
    rng = np.random.default_rng(7)
    places = rng.uniform([35, 50], [85, 110], (images_count or count, 2, 2))
    image_index = (3 * np.arange(count) + 2) % len(places)
    keypoints, visibility = np.zeros((count, 17, 2)), np.zeros((count, 17), dtype=np.int8)
    keypoints[:, [LEFT, RIGHT]] = places[image_index]
    visibility[:, LEFT], visibility[::2, RIGHT] = 2, 1
    return PersonSet(
        skeleton=COCO17,
        images=images(places),
        image_index=image_index,
        person_ids=np.arange(count),
        keypoints=keypoints,
        visibility=visibility,
        boxes=np.tile([30.0, 40.0, 60.0, 80.0], (count, 1)),
        areas=np.ones(count),
        scores=np.ones(count),
        head_sizes=np.full(count, np.nan),
        annotations=(),
    )


def epoch(batches: CropBatches, augmentation: Augmentation = USUAL, **arguments: int) -> list[dict[str, Tensor]]:
    return list(batches.training_epoch(augmentation, **{"seed": 1, "epoch": 0, "batch": 4, **arguments}))


def indices(steps: list[dict[str, Tensor]]) -> list[list[int]]:
    return [step["index"].tolist() for step in steps]


def same(first: list[dict[str, Tensor]], second: list[dict[str, Tensor]]) -> bool:
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(first, second, strict=True)
    )


def blob_centres(image: Tensor) -> np.ndarray:
    """(2, 2) x, y: centres of mass of the red and of the green channel of a crop (H, W, 3)."""
    values = image.double().numpy()
    y, x = np.mgrid[: values.shape[0], : values.shape[1]]
    return np.array([[(values[..., c] * v).sum() / values[..., c].sum() for v in (x, y)] for c in (0, 1)])


def test_evaluation_sees_everyone_in_order_and_the_last_batch_is_smaller():
    steps = list(CropBatches(people(7), SETTINGS).evaluation(3))
    assert indices(steps) == [[0, 1, 2], [3, 4, 5], [6]]
    first = steps[0]
    assert set(first) == {"images", "points", "labelled", "index"}
    assert first["images"].shape == (3, 64, 48, 3) and first["images"].dtype == torch.uint8
    assert first["points"].shape == (3, 17, 2) and first["points"].dtype == torch.float32
    assert first["labelled"].shape == (3, 17) and first["labelled"].dtype == torch.float32


def test_evaluation_of_nobody_is_no_batch():
    assert list(CropBatches(people(4).take(np.arange(0)), SETTINGS).evaluation(3)) == []


def test_points_of_the_plain_crop_by_hand():
    """The box is 60 x 80 px around (60, 80), padded 75 x 100, which becomes 48 x 64: 0.64 px for 1 px."""
    persons = people(3)
    batch = next(CropBatches(persons, SETTINGS).evaluation(3))
    expected = (persons.keypoints - [60, 80]) * 0.64 + [24, 32]
    np.testing.assert_allclose(batch["points"], expected, atol=1e-4)
    unbiased = next(CropBatches(persons, Input(size=(48, 64), convention="unbiased")).evaluation(3))
    expected = (persons.keypoints - [60, 80]) * np.array([47 / 75, 63 / 100]) + [23.5, 31.5]
    np.testing.assert_allclose(unbiased["points"], expected, atol=1e-4)
    wide = next(CropBatches(persons, Input(size=(48, 64), padding=1.0)).evaluation(3))
    np.testing.assert_allclose(wide["points"], (persons.keypoints - [60, 80]) * 0.8 + [24, 32], atol=1e-4)


def test_labels_of_the_plain_crop():
    """The left wrist of all, the right one of persons 0 and 2, which is labelled though hidden."""
    labelled = next(CropBatches(people(4), SETTINGS).evaluation(4))["labelled"]
    assert labelled[:, LEFT].tolist() == [1, 1, 1, 1] and labelled[:, RIGHT].tolist() == [1, 0, 1, 0]
    assert labelled.sum() == 6


@pytest.mark.parametrize("convention", ["biased", "unbiased"])
def test_blobs_are_seen_where_the_points_say(convention):
    """Under rotation, scaling and mirroring. In a mirrored crop the red blob, the left wrist, is called the right one."""
    augmentation = Augmentation(scale=0.1, rotation=20, rotation_probability=1, half_body=0)
    batches = CropBatches(people(16), Input(size=(96, 128), convention=convention, padding=2.0))
    mirrored = []
    for batch in batches.training_epoch(augmentation, seed=0, epoch=0, batch=16):
        for image, points in zip(batch["images"], batch["points"].numpy(), strict=True):
            red, green = blob_centres(image)
            mirrored.append(np.abs(red - points[LEFT]).max() > np.abs(red - points[RIGHT]).max())
            left, right = (green, red) if mirrored[-1] else (red, green)
            np.testing.assert_allclose(points[[LEFT, RIGHT]], [left, right], atol=0.25)
    assert 0 < sum(mirrored) < 16


def test_mirrored_batches_swap_the_names_and_labels_of_left_and_right():
    batches = CropBatches(people(8), SETTINGS)
    plain, mirrored = (epoch(batches, augmentation, batch=8)[0] for augmentation in (UNCHANGED, MIRRORED))
    assert torch.equal(plain["index"], mirrored["index"])
    order = list(COCO17.flip_permutation)
    assert torch.equal(mirrored["labelled"], plain["labelled"][:, order])
    assert not torch.equal(mirrored["labelled"], plain["labelled"])
    # The biased crop of 48 columns is mirrored about its middle, 24: x becomes 48 - x.
    expected = plain["points"][:, order] * torch.tensor([-1.0, 1.0]) + torch.tensor([48.0, 0.0])
    torch.testing.assert_close(mirrored["points"], expected, atol=1e-4, rtol=0)


def test_mirrored_images_are_mirrored_about_the_middle_of_an_unbiased_crop():
    """There the middle is 23.5, so that columns change places whole; OpenCV rounds places to 1/32 px, at most 1 grey value."""
    batches = CropBatches(people(8), Input(size=(48, 64), convention="unbiased"))
    plain, mirrored = (epoch(batches, augmentation, batch=8)[0]["images"] for augmentation in (UNCHANGED, MIRRORED))
    assert (plain.flip(2).int() - mirrored.int()).abs().max() <= 2
    assert (plain.int() - mirrored.int()).abs().max() > 50


def test_images_are_those_of_their_persons():
    """The blue ground of image m is 10 m; person i is in image 3 i + 2 of five, so i and i + 5 share one."""
    batches = CropBatches(people(10, images_count=5), SETTINGS)
    for batch in epoch(batches, batch=5):
        ground = batch["images"][:, 32, 24, 2]
        assert ground.tolist() == [10 * ((3 * i + 2) % 5) for i in batch["index"].tolist()]


def test_an_epoch_shuffles_the_persons_and_drops_the_last_incomplete_batch():
    steps = indices(epoch(CropBatches(people(10), SETTINGS)))
    assert [len(s) for s in steps] == [4, 4]
    seen = [i for s in steps for i in s]
    assert len(set(seen)) == 8 and set(seen) < set(range(10)) and seen != sorted(seen)


def test_a_full_last_batch_is_kept_and_a_batch_too_large_is_none():
    batches = CropBatches(people(8), SETTINGS)
    assert sorted(i for s in indices(epoch(batches, batch=4)) for i in s) == list(range(8))
    assert epoch(batches, batch=9) == []


def test_epochs_are_functions_of_seed_and_epoch():
    persons = people(8)
    first = epoch(CropBatches(persons, SETTINGS))
    assert same(first, epoch(CropBatches(persons, SETTINGS)))
    used = CropBatches(persons, SETTINGS)
    epoch(used, epoch=3)
    list(used.evaluation(4))
    assert same(first, epoch(used))  # whatever was drawn before
    for other in ({"seed": 2}, {"epoch": 1}):
        changed = epoch(used, **other)
        assert indices(changed) != indices(first)
        assert not torch.equal(changed[0]["points"].sort(0)[0], first[0]["points"].sort(0)[0])


def test_a_person_is_drawn_alike_whatever_the_batch_size():
    batches = CropBatches(people(8), SETTINGS)
    small, large = (epoch(batches, batch=size) for size in (2, 8))
    for name in ("points", "labelled", "images", "index"):
        assert torch.equal(torch.cat([step[name] for step in small]), large[0][name])


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_every_batch_among_them(world):
    batches = CropBatches(people(19), SETTINGS)
    whole = epoch(batches, batch=8)
    parts = [epoch(batches, batch=8, rank=rank, world=world) for rank in range(world)]
    assert len(whole) == 2 and all(len(part) == 2 for part in parts)
    for step in range(2):
        shares = [part[step]["index"].tolist() for part in parts]
        assert [len(share) for share in shares] == [8 // world] * world
        assert sorted(i for share in shares for i in share) == sorted(whole[step]["index"].tolist())
        # A person looks the same on the rank that has it.
        for part in parts:
            where = [whole[step]["index"].tolist().index(i) for i in part[step]["index"].tolist()]
            for name in ("points", "images", "labelled"):
                assert torch.equal(part[step][name], whole[step][name][where])


def test_batches_do_not_depend_on_the_number_of_workers():
    """Two epochs and an evaluation one after the other from the same workers, the second after an epoch left half way."""
    persons = people(12)
    alone, helped = (CropBatches(persons, SETTINGS, workers=workers) for workers in (0, 2))
    assert same(epoch(helped), epoch(alone))
    left = helped.training_epoch(Augmentation(), seed=1, epoch=1, batch=2)
    next(left)
    del left
    assert same(epoch(helped, epoch=2), epoch(alone, epoch=2))
    assert same(list(helped.evaluation(5)), list(alone.evaluation(5)))


def test_parts_are_cut_like_the_image_and_change_sides_in_the_mirror():
    """The crop reaches from column 22.5 to 97.5, so the part border at 59.5 is at input column 23.68."""
    batches = CropBatches(people(8, images=BlobsWithParts), SETTINGS, parts=True)
    plain, mirrored = (epoch(batches, augmentation, batch=8)[0] for augmentation in (UNCHANGED, MIRRORED))
    assert plain["parts"].shape == (8, 64, 48) and plain["parts"].dtype == torch.uint8
    assert plain["images"].shape == (8, 64, 48, 3)
    assert (plain["parts"][:, :, :23] == PART["left_hand"]).all() and (plain["parts"][:, :, 25:] == PART["torso"]).all()
    assert (mirrored["parts"][:, :, :23] == PART["torso"]).all()
    assert (mirrored["parts"][:, :, 26:] == PART["right_hand"]).all()


def test_data_sets_without_parts_say_so():
    with pytest.raises(ReproError, match="This data set has no body parts"):
        CropBatches(people(2), SETTINGS, parts=True)


def test_beyond_the_image_crops_are_black():
    persons = people(1)
    persons.boxes[:] = [-100, -100, 60, 80]
    assert not next(CropBatches(persons, SETTINGS).evaluation(1))["images"].any()


def test_persons_are_not_changed():
    persons = people(8)
    keypoints, visibility = persons.keypoints.copy(), persons.visibility.copy()
    epoch(CropBatches(persons, SETTINGS), MIRRORED)
    np.testing.assert_array_equal(persons.keypoints, keypoints)
    np.testing.assert_array_equal(persons.visibility, visibility)


def test_a_crop_is_warped_by_the_matrix_of_its_points():
    """The point that a matrix carries to the middle of pixel (24, 32) has the colour of that pixel."""
    persons = people(1)
    batch = next(CropBatches(persons, SETTINGS).evaluation(1))
    matrix = crop_matrices(np.array([[60.0, 80.0]]), np.array([[0.375, 0.5]]), np.zeros(1), (48, 64), "biased")
    np.testing.assert_allclose(matrix[0] @ [60, 80, 1], [24, 32], atol=1e-9)
    assert batch["images"][0, 32, 24].tolist() == persons.images.read(0)[80, 60].tolist()


def test_normalising_by_hand():
    """(255 - 0.485 x 255) / (0.229 x 255) = 0.515 / 0.229 for red, and so on; 0 becomes -mean / deviation."""
    images = torch.zeros(2, 3, 4, 3, dtype=torch.uint8)
    images[0, 1, 2] = 255
    images[1, 0, 3] = torch.tensor([51, 102, 153])  # 0.2, 0.4, 0.6
    out = normalise(images)
    assert out.shape == (2, 3, 3, 4) and out.dtype == torch.float32
    white = [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]
    black = [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    mixed = [(0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.6 - 0.406) / 0.225]
    np.testing.assert_allclose(out[0, :, 1, 2], white, rtol=1e-5)
    np.testing.assert_allclose(out[1, :, 2, 0], black, rtol=1e-5)
    np.testing.assert_allclose(out[1, :, 0, 3], mixed, rtol=1e-5)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_the_aspect_is_width_by_height():
    assert Input().aspect == 0.75 and Input(size=(256, 256)).aspect == 1
