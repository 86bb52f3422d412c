"""Drawn images on disk: each set is drawn once, memory-mapped, and drawn again when it is not what it should be.

A set is a folder under ``repro.paths.cache() / "people"``: ``images.bin`` and ``parts.bin`` hold the JPEG and PNG files of
the pictures and of their body parts one after the other, ``labels.npz`` the labels and where each picture begins,
``manifest.json`` what was drawn and how long the files are. It is written under a temporary name and renamed when it is
complete. Sets that were not used for longest are removed when all of them together pass ``LIMIT_BYTES``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from repro import paths
from repro.data.people.effects import decode_jpeg
from repro.data.people.labels import Labels
from repro.data.people.painters import draw_pictures, painters_for
from repro.data.people.settings import PeopleSettings
from repro.data.people.staging import Picture
from repro.errors import ReproError

FORMAT = 1
LIMIT_BYTES = 2_000_000_000
STALE_SECONDS = 3600.0  # a temporary folder that is older was left by a process that was killed
_FILES = ("images.bin", "parts.bin", "labels.npz")


@dataclass(frozen=True)
class PictureSet:
    """What a set holds. Equal sets have equal pictures.

    Args:
        kind: ``crop`` or ``scene``.
        split: ``train``, ``val`` or ``test``.
        count: pictures 0 .. count - 1.
        size: (width, height) that the pictures are drawn for.
        settings: difficulty.
    """

    kind: str
    split: str
    count: int
    size: tuple[int, int]
    settings: PeopleSettings

    @property
    def folder(self) -> Path:
        """Where the set lies."""
        name = f"{self.kind}-{self.split}-{self.count}-{self.size[0]}x{self.size[1]}-{self.settings.fingerprint()}"
        return paths.cache() / "people" / name

    def description(self) -> dict[str, Any]:
        """What the manifest has to say for a folder to be this set."""
        return {
            "format": FORMAT, "kind": self.kind, "split": self.split, "count": self.count, "size": list(self.size),
            "settings": self.settings.as_dict(),
        }  # fmt: skip


class DrawnImages:
    """An image source that decodes the pictures of a complete set; only the folder's name travels between processes.

    Args:
        folder: of the set.
        offsets: (M + 1,) int64 where each JPEG begins in ``images.bin``.
        part_offsets: (M + 1,) int64, the same for ``parts.bin``.
        sizes: (M, 2) int64 (width, height).
    """

    def __init__(self, folder: Path, offsets: np.ndarray, part_offsets: np.ndarray, sizes: np.ndarray) -> None:
        self.folder = folder
        self.ids = np.arange(1, len(sizes) + 1, dtype=np.int64)
        self.sizes = sizes
        self.offsets, self.part_offsets = offsets, part_offsets
        self._maps: dict[str, np.ndarray] = {}

    def _bytes(self, name: str, offsets: np.ndarray, index: int) -> np.ndarray:
        """The bytes of entry ``index`` of a file, which is mapped when it is first read."""
        if name not in self._maps:
            self._maps[name] = np.memmap(self.folder / name, dtype=np.uint8, mode="r").view(np.ndarray)
        return self._maps[name][offsets[index] : offsets[index + 1]]

    def read(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB. Raises ReproError when the file is damaged."""
        return decode_jpeg(self._bytes("images.bin", self.offsets, index))

    def jpeg(self, index: int) -> bytes:
        """The picture as it lies on disk."""
        return self._bytes("images.bin", self.offsets, index).tobytes()

    def parts(self, index: int) -> np.ndarray:
        """(H, W) uint8: the part of a labelled person at each pixel, as numbered by ``figures.PARTS``."""
        parts = cv2.imdecode(self._bytes("parts.bin", self.part_offsets, index), cv2.IMREAD_GRAYSCALE)
        if parts is None:
            raise ReproError(
                f"The parts of image {index} in {self.folder} are damaged: delete the folder, it is drawn again."
            )
        return parts

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}


def open_pictures(
    pictures: PictureSet, draw: Callable[[int], Picture], image_size: tuple[int, int]
) -> tuple[DrawnImages, Labels, np.ndarray]:
    """The pictures of a set, drawn if they are not there already.

    Args:
        pictures: the set.
        draw: draws the picture of an index.
        image_size: (width, height) of the pictures.

    Returns:
        the images, the labels of all their people one after the other, and (N,) int64 the image of each person.

    Raises:
        ReproError: when the set cannot be written, or takes more than ``LIMIT_BYTES``.
    """
    folder = pictures.folder
    for _ in range(2):
        if is_complete(folder, pictures.description()):
            try:
                return _read(folder, pictures.count, image_size)
            except (OSError, ValueError, KeyError, EOFError) as error:
                print(f"{folder} cannot be read ({error}) and is drawn again.", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _fill(pictures, draw, image_size)
    raise ReproError(f"{folder} cannot be read back after it was drawn: check that the disk is sound and not full.")


def is_complete(folder: Path, description: dict[str, Any]) -> bool:
    """Whether a folder holds the described set with all the bytes that its manifest promises."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        lengths = manifest.pop("bytes")
        return manifest == description and all((folder / n).stat().st_size == lengths[n] for n in _FILES)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def _read(folder: Path, count: int, image_size: tuple[int, int]) -> tuple[DrawnImages, Labels, np.ndarray]:
    """Open a complete set."""
    with np.load(folder / "labels.npz") as data:
        columns = {f.name: data[f.name] for f in fields(Labels) if f.name != "masks"}
        ends, codes = data["mask_ends"], data["masks"].tobytes()
        offsets, part_offsets, image_index = data["offsets"], data["part_offsets"], data["image_index"]
    starts = np.concatenate([[0], ends[:-1]]).tolist() if len(ends) else []
    masks = tuple(codes[a:b] for a, b in zip(starts, ends.tolist(), strict=True))
    sizes = np.tile(np.array(image_size, dtype=np.int64), (count, 1))
    os.utime(folder / "manifest.json")
    return DrawnImages(folder, offsets, part_offsets, sizes), Labels(masks=masks, **columns), image_index


def _fill(pictures: PictureSet, draw: Callable[[int], Picture], image_size: tuple[int, int]) -> None:
    """Draw a set under a temporary name and rename it."""
    folder = pictures.folder
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        temporary.mkdir(parents=True)
        try:
            _announce(pictures, draw)
            lengths = _draw_into(temporary, pictures, draw)
            manifest = json.dumps({**pictures.description(), "bytes": lengths}, indent=1)
            (temporary / "manifest.json").write_text(manifest, encoding="utf-8")
            _make_room(sum(lengths.values()), keep=temporary)
            os.replace(temporary, folder)
        except OSError:
            if not is_complete(folder, pictures.description()):  # else another process was faster
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise ReproError(
            f"Drawn images cannot be written to {folder} ({error}): free disk space or set REPRO_CACHE to another folder."
        ) from error


def _announce(pictures: PictureSet, draw: Callable[[int], Picture]) -> None:
    """Say what will be drawn, where and how much it takes. Raises ReproError when that is more than the limit."""
    sample = [draw(i) for i in range(min(8, pictures.count))]
    each = sum(len(p.jpeg) + p.parts.size * 0.06 + p.labels.points.size * 5 for p in sample) / max(len(sample), 1)
    size = each * pictures.count
    if size > LIMIT_BYTES:
        raise ReproError(
            f"{pictures.count} images of people at {pictures.size[0]}x{pictures.size[1]} would take about {size / 1e9:.1f} GB on "
            f"disk, the limit is {LIMIT_BYTES / 1e9:.0f} GB: ask for fewer images."
        )
    print(
        f"Drawing {pictures.count} images ({pictures.kind}, {pictures.split}), about {size / 1e6:.0f} MB, into {pictures.folder}",
        file=sys.stderr,
    )


def _draw_into(folder: Path, pictures: PictureSet, draw: Callable[[int], Picture]) -> dict[str, int]:
    """Write the three files of a set; returns their lengths in bytes by name."""
    offsets, part_offsets, labels, owners = [0], [0], [], []
    with open(folder / "images.bin", "wb") as images, open(folder / "parts.bin", "wb") as parts:
        drawn = draw_pictures(draw, pictures.count, painters_for(pictures.count))
        bar = tqdm(drawn, total=pictures.count, desc=f"Drawing people ({pictures.split})", unit="image", disable=None)
        for index, picture in enumerate(bar):
            offsets.append(offsets[-1] + images.write(picture.jpeg))
            part_offsets.append(part_offsets[-1] + parts.write(picture.parts))
            labels.append(picture.labels)
            owners += [index] * len(picture.labels.areas)
    columns = {
        f.name: np.concatenate([getattr(one, f.name) for one in labels]) for f in fields(Labels) if f.name != "masks"
    }
    masks = [mask for one in labels for mask in one.masks]
    np.savez(
        folder / "labels.npz", **columns, masks=np.frombuffer(b"".join(masks), dtype=np.uint8),
        mask_ends=np.cumsum([len(m) for m in masks], dtype=np.int64), offsets=np.array(offsets, dtype=np.int64),
        part_offsets=np.array(part_offsets, dtype=np.int64), image_index=np.array(owners, dtype=np.int64),
    )  # fmt: skip
    return {name: (folder / name).stat().st_size for name in _FILES}


def _make_room(needed: int, keep: Path) -> None:
    """Remove left-over temporary folders, and the sets used longest ago until ``needed`` bytes more fit into the limit."""
    sets = []
    for folder in keep.parent.iterdir():
        if folder == keep or not folder.is_dir():
            continue
        times = [f.stat().st_mtime for f in folder.iterdir()] or [folder.stat().st_mtime]
        if folder.suffix == ".part":
            if time.time() - max(times) > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
            continue
        sets.append((max(times), sum(f.stat().st_size for f in folder.iterdir()), folder))
    total = needed + sum(size for _, size, _ in sets)
    for _, size, folder in sorted(sets):
        if total <= LIMIT_BYTES:
            break
        shutil.rmtree(folder, ignore_errors=True)
        total -= size
