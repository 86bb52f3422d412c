"""Crops in batches: images are read and warped in worker processes, keypoints follow in one array operation.

A batch is a dict of tensors: ``images`` (B, H, W, 3) uint8 RGB, ``points`` (B, K, 2) float32 x, y in input px, ``labelled``
(B, K) float32, ``index`` (B,) position of each person in the set; where body parts are wanted also ``parts`` (B, H, W) uint8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from repro.data.augment import Augmentation, Crops, draw_crops, plain_crops
from repro.data.device_warps import inverse_matrices, warp
from repro.data.drawn.figures import PARTS
from repro.data.loading import OrderedLoader, stack_arrays
from repro.data.persons import PartSource, PersonSet
from repro.data.resident import ResidentImages
from repro.errors import ReproError
from repro.geometry import Convention, crop_matrices, transform_points
from repro.skeletons.skeleton import mirrored_name

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB, for images in [0, 1]
STD = (0.229, 0.224, 0.225)
MIRRORED_PARTS = torch.tensor([PARTS.index(mirrored_name(name)) for name in PARTS], dtype=torch.uint8)


@dataclass(frozen=True, kw_only=True)
class Input:
    """What the network is shown.

    Args:
        size: (width, height) of the crop.
        convention: pixel convention of crop and heatmap.
        padding: factor on the person's box.
    """

    size: tuple[int, int] = (192, 256)
    convention: Convention = "biased"
    padding: float = 1.25

    @property
    def aspect(self) -> float:
        """width / height."""
        return self.size[0] / self.size[1]


class Warps(Dataset):
    """Cuts single crops: item (image index, (2, 3) matrix) to a (H, W, 3) uint8 array. This is all that workers do.

    With ``parts`` the array has a fourth channel, the body part at each pixel.
    """

    def __init__(self, persons: PersonSet, size: tuple[int, int], parts: bool) -> None:
        self.images = persons.images
        self.size = size
        self.parts = parts

    def __len__(self) -> int:
        return len(self.images.ids)

    def __getitem__(self, item: tuple[int, np.ndarray]) -> np.ndarray:
        index, matrix = item
        crop = cv2.warpAffine(self.images.read(index), matrix, self.size, flags=cv2.INTER_LINEAR)
        if not self.parts:
            return crop
        parts = cv2.warpAffine(cast(PartSource, self.images).parts(index), matrix, self.size, flags=cv2.INTER_NEAREST)
        return np.dstack([crop, parts])


class CropBatches:
    """Batches of crops of a set of persons.

    Args:
        persons: the set.
        settings: size, convention and padding of the crops.
        workers: number of worker processes; 0 cuts in the calling process. The batches do not depend on it.
        parts: whether batches hold body parts, which only drawn people have.
        resident: the images on a device, with parts where these are wanted: batches are then made there, of the same pixels,
            without workers. None for images that are read and cut on the CPU.

    Raises:
        ReproError: when parts are wanted of a data set without.
    """

    def __init__(
        self,
        persons: PersonSet,
        settings: Input,
        *,
        workers: int = 0,
        parts: bool = False,
        resident: ResidentImages | None = None,
    ) -> None:
        if parts and not hasattr(persons.images, "parts"):
            raise ReproError("This data set has no body parts: only drawn people have, take DATA=people.")
        self.persons = persons
        self.parts = parts
        self.settings = settings
        self.resident = resident
        self._loader = OrderedLoader(Warps(persons, settings.size, parts), workers, stack_arrays)

    def training_epoch(
        self, augmentation: Augmentation, *, seed: int, epoch: int, batch: int, rank: int = 0, world: int = 1
    ) -> Iterator[dict[str, Tensor]]:
        """Shuffled, augmented batches; the last incomplete one is dropped.

        Args:
            augmentation: the settings.
            seed: the seed of the run.
            epoch: the epoch, from 0; order and augmentation are functions of (seed, epoch) alone.
            batch: persons a step over all processes; each of the ``world`` processes gets its share of every step.
            rank: the rank of this process.
            world: number of processes.
        """
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(self.persons))
        crops = draw_crops(self.persons, augmentation, self.settings.aspect, self.settings.padding, rng)
        steps = [order[i : i + batch][rank::world] for i in range(0, len(order) - batch + 1, batch)]
        return self._batches(crops, steps)

    def evaluation(self, batch: int) -> Iterator[dict[str, Tensor]]:
        """All persons in their order, boxes as they are; the last batch may be smaller."""
        crops = plain_crops(self.persons, self.settings.aspect, self.settings.padding)
        order = np.arange(len(self.persons))
        return self._batches(crops, [order[i : i + batch] for i in range(0, len(order), batch)])

    def _batches(self, crops: Crops, steps: list[np.ndarray]) -> Iterator[dict[str, Tensor]]:
        persons, settings = self.persons, self.settings
        matrices = crop_matrices(
            crops.centers, crops.scales, crops.rotations, settings.size, settings.convention, crops.mirrored
        )
        points = transform_points(matrices, persons.keypoints)
        labelled = persons.visibility > 0
        order = np.array(persons.skeleton.flip_permutation)
        points[crops.mirrored] = points[crops.mirrored][:, order]
        labelled = np.where(crops.mirrored[:, None], labelled[:, order], labelled)
        columns = points.astype(np.float32), labelled.astype(np.float32)
        if self.resident is None:
            return self._read(steps, matrices, *columns, crops.mirrored)
        return self._made_on_device(self.resident, steps, matrices, *columns, crops.mirrored)

    def _read(
        self,
        steps: list[np.ndarray],
        matrices: np.ndarray,
        points: np.ndarray,
        labelled: np.ndarray,
        mirrored: np.ndarray,
    ) -> Iterator[dict[str, Tensor]]:
        """Batches of images that are read and cut one by one. The columns are those of all persons, in their crops."""
        order = [[(int(self.persons.image_index[i]), matrices[i]) for i in step] for step in steps]
        for step, images in zip(steps, self._loader.batches(order), strict=True):
            batch = {
                "images": images[..., :3],
                "points": torch.from_numpy(points[step]),
                "labelled": torch.from_numpy(labelled[step]),
                "index": torch.from_numpy(step),
            }
            if self.parts:
                batch["parts"] = _turned(images[..., 3], torch.from_numpy(mirrored[step]))
            yield batch

    def _made_on_device(
        self,
        resident: ResidentImages,
        steps: list[np.ndarray],
        matrices: np.ndarray,
        points: np.ndarray,
        labelled: np.ndarray,
        mirrored: np.ndarray,
    ) -> Iterator[dict[str, Tensor]]:
        """As ``_read``, on the device that holds the images; the columns travel once, then there is nothing to wait for."""
        columns = (resident.rows[self.persons.image_index], inverse_matrices(matrices), points, labelled, mirrored)
        rows, inverses, known, shown, turned = (torch.from_numpy(c).to(resident.device) for c in columns)
        for step in steps:
            index = torch.from_numpy(step).to(resident.device, non_blocking=True)
            place = rows[index], inverses[index]
            batch = {
                "images": warp(resident.colours, *place, self.settings.size),
                "points": known[index],
                "labelled": shown[index],
                "index": index,
            }
            if self.parts and resident.parts is not None:
                parts = warp(resident.parts, *place, self.settings.size, nearest=True)[..., 0]
                batch["parts"] = _turned(parts, turned[index])
            yield batch


def _turned(parts: Tensor, mirrored: Tensor) -> Tensor:
    """(B, H, W) uint8 body parts, left and right exchanged in the crops that are ``mirrored`` (B,)."""
    exchanged = MIRRORED_PARTS.to(parts.device, non_blocking=True)[parts.long()]
    return torch.where(mirrored[:, None, None], exchanged, parts)


def normalise(images: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 RGB to (B, 3, H, W) float32, channels last, with ImageNet's mean and deviation, on their device."""
    # Line by line: with three numbers in the innermost dimension nothing would be computed side by side.
    lines = (torch.tensor(v).mul(255).repeat(images.shape[2]) for v in (MEAN, STD))
    mean, std = (line.to(images.device, non_blocking=True) for line in lines)
    return (images.flatten(2).float() - mean).div_(std).view(images.shape).permute(0, 3, 1, 2)
