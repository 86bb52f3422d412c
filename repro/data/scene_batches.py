"""Whole images in batches for bottom-up methods: read and warped in worker processes, people follow in array operations.

A training batch is a dict of tensors, P is the largest number of people in one of its images, at least 1:

- ``images`` (B, H, W, 3) uint8 RGB;
- ``points`` (B, P, K, 2) float32 x, y in input px, ``labelled`` (B, P, K) float32 1 or 0;
- ``boxes`` (B, P, 4) float32 x, y, width, height in input px: the box's centre is carried with the image, its sides are scaled
  but not turned; ``areas`` (B, P) float32, width x height of that box in input px^2, what the papers weigh offsets by;
- ``segment_areas`` (B, P) float32, px^2 of the original image, what COCO calls small is measured by;
- ``present`` (B, P) bool: everything else is 0 where there is nobody;
- ``mask`` (B, H / stride, W / stride) float32: 1 where the loss may look, 0 on regions without labels and beyond the image. Map
  px (i, j) is looked up at input px (stride i, stride j), so the mask of a map n times coarser is ``mask[:, ::n, ::n]``;
- ``index`` (B,) int64 position of each image in the set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from repro.data.colour_augment import changed_colours, draw_colours
from repro.data.device_warps import inverse_matrices, warp
from repro.data.images import ImageSet
from repro.data.loading import OrderedLoader, stack_arrays
from repro.data.resident import ResidentImages
from repro.data.scene_augment import (
    ROUNDED_TO,
    SceneAugmentation,
    draw_scene_crops,
    evaluation_frames,
    scene_matrices,
)
from repro.errors import ReproError
from repro.geometry import invert_matrices, transform_points


@dataclass(frozen=True, kw_only=True)
class SceneInput:
    """What the network is shown.

    Args:
        size: (width, height) of the training crop, a square whose side is a multiple of 64 px; in evaluation its side is the
            length of the image's shorter side.
        stride: input px a map px, for the mask.

    Raises:
        ReproError: for another size, or a stride that does not divide it.
    """

    size: tuple[int, int] = (512, 512)
    stride: int = 4

    def __post_init__(self) -> None:
        width, height = self.size
        if width != height or width < 1 or width % ROUNDED_TO or self.stride < 1 or width % self.stride:
            raise ReproError(
                f"The input of a bottom-up network has size {self.size} and stride {self.stride}: give a square whose side is a "
                f"multiple of {ROUNDED_TO} and of the stride."
            )


class Cut(NamedTuple):
    """An image to warp: its position, a (2, 3) matrix and a canvas (width, height) each time, and the stride of the mask,
    0 for none, which follows the first of them."""

    index: int  # type: ignore[assignment]  # a tuple's own method of that name is not asked for
    frames: tuple[tuple[np.ndarray, tuple[int, int]], ...]
    mask_stride: int


class SceneWarps(Dataset):
    """Item ``Cut`` to the warped images, (H, W, 3) uint8 each, and the mask (h, w) float32 or None."""

    def __init__(self, image_set: ImageSet) -> None:
        self.image_set = image_set

    def __len__(self) -> int:
        return len(self.image_set)

    def __getitem__(self, cut: Cut) -> tuple[list[np.ndarray], np.ndarray | None]:
        image = self.image_set.images.read(cut.index)
        warped = [cv2.warpAffine(image, matrix, canvas, flags=cv2.INTER_LINEAR) for matrix, canvas in cut.frames]
        if not cut.mask_stride:
            return warped, None
        matrix, canvas = cut.frames[0]
        return warped, _warped_mask(
            self.image_set.image_mask(cut.index), image.shape[:2], matrix, canvas, cut.mask_stride
        )


def _warped_mask(
    ignored: np.ndarray | None, shape: tuple[int, int], matrix: np.ndarray, canvas: tuple[int, int], stride: int
) -> np.ndarray:
    """(h, w) float32: 1 where the loss may look; bilinear, nothing beyond the image, cut at one half as in the released code."""
    visible = np.full(shape, 255, dtype=np.uint8)
    if ignored is not None:
        visible[ignored] = 0
    small = (canvas[0] // stride, canvas[1] // stride)
    return (cv2.warpAffine(visible, matrix / stride, small, flags=cv2.INTER_LINEAR) > 127).astype(np.float32)


@dataclass(frozen=True)
class EvaluationScenes:
    """Images as evaluation shows them to the network.

    Args:
        index: (B,) int64 positions in the set.
        images: the images at each scale, (B, H, W, 3) uint8, H and W being those of scale 1 times the scale.
        matrices: (B, 2, 3) float64 from image px to px of the canvas of scale 1.
        inverses: (B, 2, 3) float64 from px of the canvas of scale 1 to image px. The canvas px of scale s are s times those
            of scale 1.
    """

    index: np.ndarray
    images: dict[float, Tensor]
    matrices: np.ndarray
    inverses: np.ndarray


class SceneBatches:
    """Batches of the images of a set.

    Args:
        image_set: the set.
        settings: size and stride.
        workers: number of worker processes; 0 warps in the calling process. The batches do not depend on it.
        resident: the images and masks on a device: batches are then made there, of the same pixels, without workers. None for
            images that are read and warped on the CPU.
    """

    def __init__(
        self,
        image_set: ImageSet,
        settings: SceneInput,
        *,
        workers: int = 0,
        resident: ResidentImages | None = None,
    ) -> None:
        self.image_set = image_set
        self.settings = settings
        self.resident = resident
        self._starts = image_set.starts()
        self._loader = OrderedLoader(SceneWarps(image_set), workers, _stack)

    def training_epoch(
        self, augmentation: SceneAugmentation, *, seed: int, epoch: int, batch: int, rank: int = 0, world: int = 1
    ) -> Iterator[dict[str, Tensor]]:
        """Shuffled, augmented batches; the last incomplete one is dropped.

        Args:
            augmentation: the settings.
            seed: the seed of the run.
            epoch: the epoch, from 0; order and augmentation are functions of (seed, epoch) alone. (The released code forgets to
                pass the epoch to its sampler and shows the images in one order in all epochs.)
            batch: images a step over all processes; each of the ``world`` processes gets its share of every step.
            rank: the rank of this process.
            world: number of processes.
        """
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(self.image_set))
        crops = draw_scene_crops(self.image_set.images.sizes, augmentation, rng)
        colours = draw_colours(len(order), augmentation.colour, augmentation.lighting, rng)
        matrices = scene_matrices(crops, self.settings.size[0])
        steps = [order[i : i + batch][rank::world] for i in range(0, len(order) - batch + 1, batch)]
        frames = [[((matrices[i], self.settings.size),) for i in step] for step in steps]
        for step, ((images,), mask) in zip(steps, self._warped(steps, frames, self.settings.stride), strict=True):
            people = {**self.people(step, matrices[step], crops.mirrored[step]), "index": torch.from_numpy(step)}
            people = {name: value.to(images.device, non_blocking=True) for name, value in people.items()}
            images = images if colours is None else changed_colours(images, colours.take(step))
            yield {"images": images, **people, **({} if mask is None else {"mask": mask})}

    def evaluation(
        self, scales: Sequence[float] = (1.0,), *, batch: int = 1, index: np.ndarray | None = None
    ) -> Iterator[EvaluationScenes]:
        """Whole images in their order, resized as ``evaluation_frames`` says.

        Args:
            scales: the scales of the canvas, multiples of one half: (0.5, 1, 2) for multi-scale testing.
            batch: consecutive images whose canvases are equally large stand together, at most so many.
            index: (n,) positions of the images wanted; None for all.
        """
        wanted = np.arange(len(self.image_set)) if index is None else np.asarray(index, dtype=np.int64)
        sizes, short = self.image_set.images.sizes[wanted], self.settings.size[0]
        canvases, matrices = evaluation_frames(sizes, short)
        inverses = invert_matrices(matrices)
        framed = [evaluation_frames(sizes, short, scale) for scale in scales]
        steps = _runs(canvases, batch)
        cuts = [[tuple((m[i], tuple(c[i].tolist())) for c, m in framed) for i in step] for step in steps]
        for step, (images, _) in zip(steps, self._warped([wanted[s] for s in steps], cuts, 0), strict=True):
            yield EvaluationScenes(wanted[step], dict(zip(scales, images, strict=True)), matrices[step], inverses[step])

    def people(self, index: np.ndarray, matrices: np.ndarray, mirrored: np.ndarray) -> dict[str, Tensor]:
        """The people of some images in the frames that they are warped to; the fields are described above.

        Args:
            index: (B,) positions of the images.
            matrices: (B, 2, 3) from image px to input px; rotation, one factor and mirroring only.
            mirrored: (B,) bool: whether the matrix mirrors, so that left and right keypoints change places.
        """
        data, b = self.image_set, len(index)
        counts = self._starts[index + 1] - self._starts[index]
        slots = np.arange(max(int(counts.max(initial=0)), 1))
        present = slots < counts[:, None]
        rows = np.where(present, self._starts[index][:, None] + slots, 0)[present]
        owner = np.nonzero(present)[0]
        points = transform_points(matrices[owner], data.keypoints[rows])
        labelled = data.visibility[rows] > 0
        permutation = np.array(data.skeleton.flip_permutation)
        turned = mirrored[owner]
        points[turned], labelled[turned] = points[turned][:, permutation], labelled[turned][:, permutation]
        factor = np.sqrt(np.abs(np.linalg.det(matrices[:, :, :2])))[owner, None]
        boxes = data.boxes[rows]
        centers = transform_points(matrices[owner], (boxes[:, :2] + boxes[:, 2:] / 2)[:, None])[:, 0]
        lengths = boxes[:, 2:] * factor
        columns = {
            "points": np.where(labelled[..., None], points, 0.0),
            "labelled": labelled,
            "boxes": np.concatenate([centers - lengths / 2, lengths], axis=1),
            "areas": lengths.prod(axis=1),
            "segment_areas": data.areas[rows],
        }
        out = {}
        for name, column in columns.items():
            padded = np.zeros((b, len(slots), *column.shape[1:]), dtype=np.float32)
            padded[present] = column
            out[name] = torch.from_numpy(padded)
        return {**out, "present": torch.from_numpy(present)}

    def _warped(
        self, steps: list[np.ndarray], frames: list[list[tuple]], mask_stride: int
    ) -> Iterator[tuple[list[Tensor], Tensor | None]]:
        """Stacked images, one tensor a frame, and masks of each step, in order."""
        if self.resident is not None:
            yield from (
                _warped_on_device(self.resident, step, framed, mask_stride)
                for step, framed in zip(steps, frames, strict=True)
            )
            return
        order = [
            [Cut(int(i), frame, mask_stride) for i, frame in zip(step, framed, strict=True)]
            for step, framed in zip(steps, frames, strict=True)
        ]
        yield from self._loader.batches(order)


def _warped_on_device(
    resident: ResidentImages, step: np.ndarray, frames: list[tuple], mask_stride: int
) -> tuple[list[Tensor], Tensor | None]:
    """What ``SceneWarps`` makes of the images of a step, stacked, on the device that holds them."""

    def on_device(column: np.ndarray) -> Tensor:
        return torch.from_numpy(column).to(resident.device, non_blocking=True)

    rows, images, mask = on_device(resident.rows[step]), [], None
    for framed in zip(*frames, strict=True):
        matrices = np.stack([matrix for matrix, _ in framed])
        canvas = framed[0][1]
        images.append(warp(resident.colours, rows, on_device(inverse_matrices(matrices)), canvas))
        if mask_stride and mask is None and resident.masks is not None:
            small = (canvas[0] // mask_stride, canvas[1] // mask_stride)
            visible = warp(resident.masks, rows, on_device(inverse_matrices(matrices / mask_stride)), small)
            mask = (visible[..., 0] > 127).float()
    return images, mask


def _runs(canvases: np.ndarray, most: int) -> list[np.ndarray]:
    """Positions of (n, 2) canvases, cut where the size changes and after ``most`` equal ones."""
    changes = np.flatnonzero((np.diff(canvases, axis=0) != 0).any(axis=1)) + 1
    runs = np.split(np.arange(len(canvases)), changes) if len(canvases) else []
    return [run[i : i + most] for run in runs for i in range(0, len(run), most)]


def _stack(items: list[tuple[list[np.ndarray], np.ndarray | None]]) -> tuple[list[Any], Any]:
    images = [stack_arrays(frame) for frame in zip(*(warped for warped, _ in items), strict=True)]
    masks = [mask for _, mask in items if mask is not None]
    return images, stack_arrays(masks) if masks else None
