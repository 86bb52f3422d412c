"""Images that stay on a device: batches made of them against those that are read and cut one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pycocotools import mask as run_length

from repro.data.augment import Augmentation
from repro.data.crops import CropBatches, Input
from repro.data.persons import PersonSet
from repro.data.resident import Residence
from repro.data.scene_augment import SceneAugmentation
from repro.data.scene_batches import SceneBatches, SceneInput
from repro.errors import ReproError
from repro.skeletons.skeleton import LSPET14
from repro.support import processes

from ..tiny_scenes import tiny_scenes
from .test_device_warps import LARGEST, MEAN, need_opencv_4

DEVICES = [pytest.param("cpu"), pytest.param("cuda", marks=pytest.mark.cuda)]
SETTINGS = Input(size=(48, 64))


class Noise:
    """Images of several sizes in memory, with a body part at each pixel; ``reads`` tells which were asked for."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(3)
        self.ids = np.arange(1, count + 1)
        self.sizes = rng.integers(40, 90, (count, 2))
        self._pixels = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for w, h in self.sizes]
        self._parts = [rng.integers(0, 7, (h, w), dtype=np.uint8) for w, h in self.sizes]
        self.reads: list[int] = []

    def read(self, index: int) -> np.ndarray:
        self.reads.append(index)
        return self._pixels[index]

    def parts(self, index: int) -> np.ndarray:
        return self._parts[index]


def people(count: int = 11, images: int = 5) -> PersonSet:
    rng = np.random.default_rng(4)
    source = Noise(images)
    index = rng.integers(0, images, count)
    sizes = source.sizes[index]
    low = rng.uniform(0, 0.4, (count, 2)) * sizes
    return PersonSet(
        skeleton=LSPET14,
        images=source,
        image_index=index,
        person_ids=np.arange(count),
        keypoints=rng.uniform(0, 1, (count, 14, 2)) * sizes[:, None],
        visibility=rng.integers(0, 3, (count, 14)).astype(np.int8),
        boxes=np.concatenate([low, 0.5 * sizes], 1),
        areas=np.ones(count),
        scores=np.ones(count),
        head_sizes=np.ones(count),
        annotations=(),
    )


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], device: str) -> None:
    """Equal batches, but for what OpenCV's builds may differ by in the images."""
    need_opencv_4()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        own = found[name]
        assert own.device.type == device and own.dtype == value.dtype and own.shape == value.shape, name
        difference = (own.cpu().double() - value.double()).abs()
        if name == "images":
            assert difference.max() <= LARGEST and difference.mean() <= MEAN
        else:
            assert difference.max() == 0, name


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("device", DEVICES)
def test_crops_are_those_that_the_cpu_cuts(device, parts):
    persons = people()
    kept = Residence(torch.device(device), always=True).persons(persons.images, persons.image_index, parts=parts)
    resident = CropBatches(persons, SETTINGS, parts=parts, resident=kept)
    plain = CropBatches(persons, SETTINGS, parts=parts)
    for epoch in (0, 1):
        drawn = {"seed": 2, "epoch": epoch, "batch": 4}
        steps = zip(
            resident.training_epoch(Augmentation(), **drawn), plain.training_epoch(Augmentation(), **drawn), strict=True
        )
        for found, expected in steps:
            assert expected["images"].any()
            assert_same(found, expected, device)
    for found, expected in zip(resident.evaluation(4), plain.evaluation(4), strict=True):
        assert_same(found, expected, device)


@pytest.mark.parametrize("augmentation", [SceneAugmentation(), SceneAugmentation(colour=0.4, lighting=0.1)])
@pytest.mark.parametrize("device", DEVICES)
def test_scenes_and_masks_are_those_that_the_cpu_warps(device, augmentation):
    scenes = tiny_scenes(5)
    hidden = np.zeros((128, 128), dtype=bool, order="F")
    hidden[30:100, 20:70] = True
    scenes = replace(scenes, ignored={i: run_length.encode(hidden)["counts"] for i in (1, 3)})
    settings = SceneInput(size=(128, 128))
    residence = Residence(torch.device(device), always=True)
    resident = SceneBatches(scenes, settings, resident=residence.scenes(scenes, np.arange(5)))
    plain = SceneBatches(scenes, settings)
    drawn = {"seed": 0, "epoch": 1, "batch": 2}
    masks = 0
    for found, expected in zip(
        resident.training_epoch(augmentation, **drawn),
        plain.training_epoch(augmentation, **drawn),
        strict=True,
    ):
        assert_same(found, expected, device)
        masks += int((expected["mask"] == 0).any())
    assert masks
    index = np.array([4, 1, 2])
    shown = zip(
        resident.evaluation((0.5, 1.0), batch=2, index=index),
        plain.evaluation((0.5, 1.0), batch=2, index=index),
        strict=True,
    )
    for found, expected in shown:
        np.testing.assert_array_equal(found.inverses, expected.inverses)
        assert_same(
            {str(scale): value for scale, value in found.images.items()},
            {str(scale): value for scale, value in expected.images.items()},
            device,
        )


def test_images_are_brought_once_and_only_those_that_are_shown():
    persons = people(images=6)
    shown = np.array([4, 1, 4])
    residence = Residence(torch.device("cpu"), always=True)
    kept = residence.persons(persons.images, shown)
    assert sorted(persons.images.reads) == [1, 4]
    assert residence.persons(persons.images, np.array([1])) is kept
    more = residence.persons(persons.images, np.array([1, 5]))
    assert more.rows.tolist() == [-1, 0, -1, -1, -1, 1]
    assert len(persons.images.reads) == 4


def test_nothing_stays_on_a_cpu():
    persons = people()
    assert Residence(torch.device("cpu")).persons(persons.images, persons.image_index) is None
    assert Residence(torch.device("cpu")).scenes(tiny_scenes(2), np.arange(2)) is None


@pytest.mark.parametrize(("sharing", "fits"), [(1, True), (3, False)])
def test_trainings_side_by_side_share_the_memory(sharing, fits, monkeypatch, capsys):
    persons = people()
    needed = 3 * int(persons.images.sizes.prod(1).sum())
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda device: (5 * needed, 9 * needed)
    )  # two fifths are for images
    residence = Residence(torch.device("cuda"), sharing=sharing)
    assert residence._has_room(needed) == fits
    assert ("do not fit" in capsys.readouterr().err) == (not fits)


@pytest.mark.parametrize(
    ("device", "kept", "asked", "workers"),
    [("cuda", False, 0, 7), ("cuda", False, 3, 3), ("cuda", True, 0, 0), ("cpu", False, 0, 0), ("cpu", False, 2, 2)],
)
def test_cores_read_what_a_gpu_does_not_keep(device, kept, asked, workers, monkeypatch):
    monkeypatch.setattr(processes, "available_cores", lambda: 16)
    residence = Residence(torch.device(device), sharing=2)
    assert residence.workers(object() if kept else None, asked) == workers


def test_an_image_of_another_size_than_stated_is_named():
    persons = people()
    persons.images.sizes = persons.images.sizes + 1
    with pytest.raises(ReproError, match="Image 0 is uint8 of shape .* expected uint8 of .*repro data check"):
        Residence(torch.device("cpu"), always=True).persons(persons.images, np.array([0]))
