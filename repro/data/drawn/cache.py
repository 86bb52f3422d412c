"""Drawn images on disk: each set is drawn once, memory-mapped, and drawn again when it is not what it should be.

A set is a folder under ``repro.paths.cache() / "people"``: ``images.bin`` and ``parts.bin`` hold the JPEG and PNG files of
the pictures and of their body parts one after the other, ``labels.npz`` the labels and where each picture begins,
``manifest.json`` what was drawn, how long the files are, and the checksum of the labels, which hold one of each picture. It is
written under a temporary name and renamed when it is complete. Labels that do not fit are drawn again with the whole set, a
picture that does not fit alone. Sets that were not used for longest, and that no process holds, are removed when all of them
together pass the limit: ``LIMIT_BYTES``, or ``$REPRO_CACHE_LIMIT`` in GB.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from repro import paths
from repro.data.drawn.effects import decode_jpeg
from repro.data.drawn.labels import Labels
from repro.data.drawn.painters import draw_picture, draw_pictures, painters_for
from repro.data.drawn.settings import PeopleSettings
from repro.data.drawn.staging import Picture
from repro.data.limits import LIMIT_BYTES, VARIABLE, cache_limit, enough
from repro.errors import ReproError
from repro.support.locks import Hold, is_held, remove_left
from repro.support.sealed import Damaged, about_file, check_file, read_json, unsealed, write_sealed

FORMAT = 2
KEPT_BYTES = 128_000_000  # of decoded pictures in memory, a process and set
KIND = "drawn people"  # of the sealed manifest
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

    A picture whose bytes do not fit its checksum is drawn again, and mended on disk where that can be written. Decoded pictures
    are kept in memory, as far as ``KEPT_BYTES`` of them go, for the epochs and snapshots to come.

    Args:
        folder: the folder of the set, which nobody removes while this object lives.
        offsets: (M + 1,) int64 where each JPEG begins in ``images.bin``.
        part_offsets: (M + 1,) int64, the same for ``parts.bin``.
        sizes: (M, 2) int64 (width, height).
        sums: (M, 2) uint32 checksums (CRC-32) of each JPEG and of its parts; None for sets of before there were any.
        draw: draws the picture of an index.
    """

    def __init__(
        self,
        folder: Path,
        offsets: np.ndarray,
        part_offsets: np.ndarray,
        sizes: np.ndarray,
        sums: np.ndarray | None = None,
        draw: Callable[[int], Picture] | None = None,
    ) -> None:
        self.folder = folder
        self.ids = np.arange(1, len(sizes) + 1, dtype=np.int64)
        self.sizes = sizes
        self.offsets, self.part_offsets = offsets, part_offsets
        self._sums, self._draw = sums, draw
        self._hold: Hold | None = Hold(folder / "manifest.json")
        self._maps: dict[str, np.ndarray] = {}
        self._kept: dict[int, np.ndarray] = {}
        self._room = KEPT_BYTES

    def _bytes(self, name: str, index: int) -> np.ndarray:
        """The bytes of entry ``index`` of a file, which is mapped when it is first read."""
        column, offsets = (0, self.offsets) if name == "images.bin" else (1, self.part_offsets)
        if name not in self._maps:
            try:
                self._hold = self._hold or Hold(self.folder / "manifest.json")
                self._maps[name] = np.memmap(self.folder / name, dtype=np.uint8, mode="r").view(np.ndarray)
            except OSError as error:
                raise Damaged(self.folder / name, f"was lost ({error.strerror})", self.folder) from error
        data = self._maps[name][offsets[index] : offsets[index + 1]]
        if self._sums is not None and zlib.crc32(data.data) != self._sums[index, column]:
            data = self._drawn_again(name, index, int(offsets[index]), int(self._sums[index, column]))
        return data

    def _drawn_again(self, name: str, index: int, start: int, known: int) -> np.ndarray:
        """The bytes that entry ``index`` should have, written to where they belong."""
        file = self.folder / name
        tqdm.write(f"{file} is damaged at image {index}: the image is drawn again.", file=sys.stderr)
        assert self._draw is not None, "sums are kept of pictures that can be drawn again"
        picture = draw_picture(self._draw, index)
        data = picture.jpeg if name == "images.bin" else picture.parts
        if zlib.crc32(data) != known:
            raise Damaged(file, f"is damaged at image {index}, which is drawn otherwise today", self.folder)
        with contextlib.suppress(OSError), file.open("r+b") as stream:
            stream.seek(start)
            stream.write(data)
        return np.frombuffer(data, np.uint8)

    def read(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB, not to be written to.

        Raises ReproError when the file is damaged and the picture cannot be drawn again.
        """
        image = self._kept.get(index)
        if image is None:
            image = decode_jpeg(self._bytes("images.bin", index))
            image.flags.writeable = False
            if image.nbytes <= self._room:
                self._room -= image.nbytes
                self._kept[index] = image
        return image

    def jpeg(self, index: int) -> bytes:
        """The picture as it lies on disk."""
        return self._bytes("images.bin", index).tobytes()

    def parts(self, index: int) -> np.ndarray:
        """(H, W) uint8: the part of a labelled person at each pixel, as numbered by ``figures.PARTS``."""
        parts = cv2.imdecode(self._bytes("parts.bin", index), cv2.IMREAD_GRAYSCALE)
        if parts is None:
            raise ReproError(
                f"The parts of image {index} in {self.folder} are damaged: delete the folder, it is drawn again."
            )
        return parts

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}, "_hold": None, "_kept": {}, "_room": KEPT_BYTES}


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
        ReproError: when the set cannot be written, or takes more than the limit.
    """
    folder = pictures.folder
    remove_left(folder.parent.glob("*.part"))
    for _ in range(2):
        if folder.exists():
            try:
                return _read(pictures, draw, image_size)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                why = f"{error.file.name} {error.why}" if isinstance(error, Damaged) else error
                print(f"{folder} cannot be used ({why}) and is drawn again.", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _fill(pictures, draw, image_size)
    raise ReproError(f"{folder} cannot be read back after it was drawn: check that the disk is sound and not full.")


def check_set(folder: Path, description: dict[str, Any]) -> None:
    """Look whether a folder holds the described set: its labels, and all the bytes that its manifest promises.

    Raises:
        Damaged: when it does not.
    """
    file = folder / "manifest.json"
    content = read_json(file)
    if isinstance(content, dict) and content.get("format") == 1:  # of before there were checksums
        lengths = content.pop("bytes", None)
        if content != {**description, "format": 1} or not isinstance(lengths, dict) or set(lengths) != set(_FILES):
            raise Damaged(file, "is of another set", folder)
        files = {name: {"bytes": length} for name, length in lengths.items()}
    else:
        files = unsealed(content, file, KIND, set=description)["files"]
    for name, about in files.items():
        check_file(folder / name, about, deep="sum" in about, delete=folder)


def is_complete(folder: Path, description: dict[str, Any]) -> bool:
    """Whether a folder holds the described set; see ``check_set``."""
    try:
        check_set(folder, description)
    except Damaged:
        return False
    return True


def _read(
    pictures: PictureSet, draw: Callable[[int], Picture], image_size: tuple[int, int]
) -> tuple[DrawnImages, Labels, np.ndarray]:
    """Open a complete set."""
    folder = pictures.folder
    check_set(folder, pictures.description())
    with np.load(folder / "labels.npz") as data:
        columns = {f.name: data[f.name] for f in fields(Labels) if f.name != "masks"}
        ends, codes = data["mask_ends"], data["masks"].tobytes()
        offsets, part_offsets, image_index = data["offsets"], data["part_offsets"], data["image_index"]
        sums = data["sums"] if "sums" in data.files else None
    starts = np.concatenate([[0], ends[:-1]]).tolist() if len(ends) else []
    masks = tuple(codes[a:b] for a, b in zip(starts, ends.tolist(), strict=True))
    sizes = np.tile(np.array(image_size, dtype=np.int64), (pictures.count, 1))
    images = DrawnImages(folder, offsets, part_offsets, sizes, sums, draw)
    with contextlib.suppress(PermissionError):  # a cache that is only read
        os.utime(folder / "manifest.json")
    return images, Labels(masks=masks, **columns), image_index


def _fill(pictures: PictureSet, draw: Callable[[int], Picture], image_size: tuple[int, int]) -> None:
    """Draw a set under a temporary name and rename it."""
    folder = pictures.folder
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        temporary.mkdir(parents=True)
        hold = Hold(temporary)
        try:
            _announce(pictures, draw)
            lengths = _draw_into(temporary, pictures, draw)
            files = {name: {"bytes": length} for name, length in lengths.items()}
            files["labels.npz"] = about_file(temporary / "labels.npz")
            write_sealed(temporary / "manifest.json", KIND, {"set": pictures.description(), "files": files})
            _make_room(sum(lengths.values()), keep=temporary)
            os.replace(temporary, folder)
        except OSError:
            if not is_complete(folder, pictures.description()):  # else another process was faster
                raise
        finally:
            hold.close()
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
    if size > (limit := cache_limit(LIMIT_BYTES)):
        raise ReproError(
            f"{pictures.count} images of people at {pictures.size[0]}x{pictures.size[1]} would take about {size / 1e9:.1f} GB on "
            f"disk, the limit is {limit / 1e9:g} GB: ask for fewer images, or raise the limit, as in {VARIABLE}={enough(size)}."
        )
    print(
        f"Drawing {pictures.count} images ({pictures.kind}, {pictures.split}), about {size / 1e6:.0f} MB, into {pictures.folder}",
        file=sys.stderr,
    )


def _draw_into(folder: Path, pictures: PictureSet, draw: Callable[[int], Picture]) -> dict[str, int]:
    """Write the three files of a set; returns their lengths in bytes by name."""
    offsets, part_offsets, sums, labels, owners = [0], [0], [], [], []
    with open(folder / "images.bin", "wb") as images, open(folder / "parts.bin", "wb") as parts:
        drawn = draw_pictures(draw, pictures.count, painters_for(pictures.count))
        bar = tqdm(drawn, total=pictures.count, desc=f"Drawing people ({pictures.split})", unit="image", disable=None)
        for index, picture in enumerate(bar):
            offsets.append(offsets[-1] + images.write(picture.jpeg))
            part_offsets.append(part_offsets[-1] + parts.write(picture.parts))
            sums.append([zlib.crc32(picture.jpeg), zlib.crc32(picture.parts)])
            labels.append(picture.labels)
            owners += [index] * len(picture.labels.areas)
    columns: dict[str, Any] = {
        f.name: np.concatenate([getattr(one, f.name) for one in labels]) for f in fields(Labels) if f.name != "masks"
    }
    masks = [mask for one in labels for mask in one.masks]
    np.savez(
        folder / "labels.npz", **columns, masks=np.frombuffer(b"".join(masks), dtype=np.uint8),
        mask_ends=np.cumsum([len(m) for m in masks], dtype=np.int64), offsets=np.array(offsets, dtype=np.int64),
        part_offsets=np.array(part_offsets, dtype=np.int64), image_index=np.array(owners, dtype=np.int64),
        sums=np.array(sums, dtype=np.uint32).reshape(-1, 2),
    )  # fmt: skip
    return {name: (folder / name).stat().st_size for name in _FILES}


def _make_room(needed: int, keep: Path) -> None:
    """Remove the sets used longest ago that nobody holds until ``needed`` bytes more fit into the limit; say if they never do."""
    sets, limit = [], cache_limit(LIMIT_BYTES)
    for folder in keep.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process has just removed it
            if folder != keep and folder.is_dir() and folder.suffix != ".part":
                states = [f.stat() for f in (folder, *folder.iterdir())]
                sets.append((max(s.st_mtime for s in states[1:] or states), sum(s.st_size for s in states[1:]), folder))
    total = needed + sum(size for _, size, _ in sets)
    for _, size, folder in sorted(sets):
        if total <= limit:
            return
        if not is_held(folder / "manifest.json"):
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
    if total > limit:
        print(
            f"Drawn images in {keep.parent} take {total / 1e9:.2g} GB, more than the limit of {limit / 1e9:.2g} GB: all of them "
            f"are in use and stay. {VARIABLE}={enough(total)} raises the limit.",
            file=sys.stderr,
        )
