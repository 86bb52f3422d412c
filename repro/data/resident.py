"""Images that stay on a device as decoded pixels, where a share of its free memory holds them.

40,000 pictures of 288x216 px take 7.5 GB, pictures of 192x144 px 3.3 GB. Each process has its own: four trainings side by side on
one GPU keep four copies, so each may take a quarter of the share. Where images do not fit they are read by workers, step by step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch

from repro.data.device_warps import Planes
from repro.data.images import ImageSet
from repro.data.persons import ImageSource, PartSource
from repro.errors import ReproError
from repro.support import processes

SHARE = 0.4  # of the free memory: the rest is for the network's activations
MOST_READERS = 12  # processes that read images which do not stay
CHUNK = 256  # images decoded before they travel together


@dataclass(frozen=True)
class ResidentImages:
    """Images of a set on a device.

    Args:
        colours: RGB.
        parts: body parts of drawn people, one channel; None where they were not asked for.
        masks: one channel, 255 where a loss may look; None for sets of persons.
        rows: (M,) int64, the place of each of the set's images in these planes, -1 for those that were not asked for.
    """

    colours: Planes
    parts: Planes | None
    masks: Planes | None
    rows: np.ndarray

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.colours.device


@dataclass(frozen=True)
class Residence:
    """Where images may stay, and those that do.

    Args:
        device: a GPU; on a CPU nothing stays unless ``always`` is set.
        sharing: trainings side by side on the device, each of which takes its part of ``SHARE``.
        always: whether images stay whatever they take: for tests, on a CPU too.
    """

    device: torch.device
    sharing: int = 1
    always: bool = False
    _kept: dict[tuple[int, bool], tuple[ImageSource | ImageSet, ResidentImages | None]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def workers(self, kept: ResidentImages | None, workers: int) -> int:
        """How many processes read images: those asked for, else its part of the cores beside a GPU that keeps none."""
        return workers if workers or kept is not None or self.device.type != "cuda" else self._readers()

    def _readers(self) -> int:
        return max(0, min(MOST_READERS, processes.available_cores() // self.sharing - 1))

    def persons(self, images: ImageSource, index: np.ndarray, *, parts: bool = False) -> ResidentImages | None:
        """The images at ``index`` (any order, repetitions allowed) on the device; None where they are to be read step by step.

        What was brought there before is used again.
        """
        return self._keep(images, parts, np.unique(index), lambda wanted: self._bring(images, wanted, parts, None))

    def scenes(self, image_set: ImageSet, index: np.ndarray) -> ResidentImages | None:
        """As ``persons``, for whole images with the masks of where a loss may look."""
        return self._keep(
            image_set, False, np.unique(index), lambda wanted: self._bring(image_set.images, wanted, False, image_set)
        )

    def _keep(
        self,
        owner: ImageSource | ImageSet,
        parts: bool,
        wanted: np.ndarray,
        bring: Callable[[np.ndarray], ResidentImages | None],
    ) -> ResidentImages | None:
        """What ``bring`` gives, unless it is there already."""
        if not (self.always or self.device.type == "cuda"):
            return None
        key = (id(owner), parts)
        _, found = self._kept.get(key, (None, None))
        if key not in self._kept or (found is not None and (found.rows[wanted] < 0).any()):
            found = bring(wanted)
            self._kept[key] = (owner, found)  # the owner too: its id is another's when it is gone
        return found

    def _bring(
        self, images: ImageSource, wanted: np.ndarray, parts: bool, image_set: ImageSet | None
    ) -> ResidentImages | None:
        sizes = images.sizes[wanted]
        needed = int(sizes.prod(1).sum()) * (3 + parts + (image_set is not None))
        if not self.always and not self._has_room(needed):
            return None
        rows = np.full(len(images.ids), -1, dtype=np.int64)
        rows[wanted] = np.arange(len(wanted))
        return ResidentImages(
            colours=self._planes(images.read, wanted, sizes, 3),
            parts=self._planes(cast(PartSource, images).parts, wanted, sizes, 1) if parts else None,
            masks=None if image_set is None else self._masks(image_set, wanted, sizes),
            rows=rows,
        )

    def _has_room(self, needed: int) -> bool:
        """Whether the device's share holds so many bytes; if not, a line on stderr says what is done instead."""
        free, _ = torch.cuda.mem_get_info(self.device)
        room = int(free * SHARE / self.sharing)
        if needed > room:
            print(
                f"Images of {needed / 1e9:.1f} GB do not fit into {room / 1e9:.1f} GB of the GPU's memory: they are read and cut "
                f"by {self._readers()} processes, or as many as WORKERS says.",
                file=sys.stderr,
            )
        return needed <= room

    def _planes(
        self, read: Callable[[int], np.ndarray], wanted: np.ndarray, sizes: np.ndarray, channels: int
    ) -> Planes:
        """The images at ``wanted`` as ``read`` gives them, decoded by all cores."""
        starts = np.concatenate([[0], np.cumsum(sizes.prod(1))])
        pixels = torch.empty((int(starts[-1]), channels), dtype=torch.uint8, device=self.device)
        place = 0
        for chunk in _decoded(read, wanted, sizes, channels, max(1, processes.available_cores() // self.sharing)):
            pixels[place : place + len(chunk)] = torch.from_numpy(chunk).to(self.device)
            place += len(chunk)
        return self._make(pixels, starts[:-1], sizes)

    def _masks(self, image_set: ImageSet, wanted: np.ndarray, sizes: np.ndarray) -> Planes:
        """Masks of images: those where a loss may look everywhere share one plane."""
        masks = [image_set.image_mask(int(i)) for i in wanted]
        everywhere = np.full(int(sizes.prod(1).max(initial=0)), 255, dtype=np.uint8)
        own = [np.where(mask, 0, 255).astype(np.uint8).ravel() for mask in masks if mask is not None]
        ends = np.cumsum([len(everywhere), *map(len, own)])
        places = iter(ends[:-1])
        starts = np.array([0 if mask is None else next(places) for mask in masks], dtype=np.int64)
        pixels = torch.from_numpy(np.concatenate([everywhere, *own])[:, None]).to(self.device)
        return self._make(pixels, starts, sizes)

    def _make(self, pixels: torch.Tensor, starts: np.ndarray, sizes: np.ndarray) -> Planes:
        return Planes(
            pixels=pixels,
            starts=torch.from_numpy(np.asarray(starts, dtype=np.int64)).to(self.device),
            sizes=torch.from_numpy(np.asarray(sizes, dtype=np.int32)).to(self.device),
        )


def _decoded(
    read: Callable[[int], np.ndarray], wanted: np.ndarray, sizes: np.ndarray, channels: int, threads: int
) -> Iterator[np.ndarray]:
    """(n, C) uint8 pixels of ``CHUNK`` images at a time, decoded by threads (OpenCV leaves Python's lock)."""
    shape = (3,) if channels == 3 else ()
    with ThreadPoolExecutor(threads) as pool:
        for begin in range(0, len(wanted), CHUNK):
            some = wanted[begin : begin + CHUNK].tolist()
            flat = []
            for index, (width, height), image in zip(
                some, sizes[begin : begin + CHUNK].tolist(), pool.map(read, some), strict=True
            ):
                if image.shape != (height, width, *shape) or image.dtype != np.uint8:
                    raise ReproError(
                        f"Image {index} is {image.dtype} of shape {image.shape}, expected uint8 of "
                        f"{(height, width, *shape)}: run `repro data check` on this data set to list all such images."
                    )
                flat.append(image.reshape(-1, channels))
            yield np.concatenate(flat)
