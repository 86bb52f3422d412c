"""Decoded images in one memory-mapped file, so that each image is decoded once across epochs, processes and runs.

A cache is a folder, named by a key that changes with the images: ``images.bin`` holds the pixels one image after the
other, ``manifest.json`` says where each begins and what its checksum is. It is filled under a temporary name and renamed when
complete, so a folder under its final name is whole; a truncated or foreign one is noticed when it is opened and built anew. An
image whose pixels do not fit their checksum is decoded again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import uuid
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from repro import paths
from repro.data.image_files import checked_images
from repro.data.limits import LIMIT_BYTES, VARIABLE, cache_limit, enough
from repro.data.persons import ImageFiles, ImageSource
from repro.errors import ReproError
from repro.support.locks import Hold, remove_left
from repro.support.sealed import Damaged, read_sealed, write_sealed

VERSION = 1  # of the layout; part of the manifest and of keys
KIND = "decoded images"  # of the sealed manifest


class DecodedImages:
    """An ImageSource that reads from a complete cache; which costs microseconds.

    It can be pickled: the pixels do not travel, each process maps the file when it first reads. Pixels are compared with their
    checksum when a process first reads them; those that do not fit are decoded again, and mended on disk where that can be
    written.

    Args:
        folder: the folder of the cache.
        source: what the images are decoded from.
        sums: (M,) uint32 checksums (CRC-32) of the images' pixels; None for caches of before there were any.
    """

    def __init__(self, folder: Path, source: ImageSource, sums: np.ndarray | None = None) -> None:
        self.folder = folder
        self.ids = source.ids
        self.sizes = source.sizes
        self.digests: tuple[str, ...] | None = getattr(source, "digests", None)  # of the source's files, if it has any
        self._source, self._sums = source, sums
        self._offsets = _offsets(source.sizes)
        self._pixels: np.ndarray | None = None
        self._fit = np.zeros(len(source.ids), dtype=bool)

    def read(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB: a read-only view of the file. Raises ReproError where it is lost, or its pixels are for good."""
        file = self.folder / "images.bin"
        pixels = self._pixels
        if pixels is None:
            try:
                self._pixels = pixels = np.memmap(file, dtype=np.uint8, mode="r").view(np.ndarray)
            except OSError as error:
                raise Damaged(file, f"was lost ({error.strerror})", self.folder) from error
        width, height = self.sizes[index]
        start = self._offsets[index]
        pixels = pixels[start : start + 3 * width * height]
        if self._sums is not None and not self._fit[index]:
            if zlib.crc32(pixels.data) != self._sums[index]:
                return self._decoded_again(file, index)
            self._fit[index] = True
        return pixels.reshape(height, width, 3)

    def _decoded_again(self, file: Path, index: int) -> np.ndarray:
        """The image at ``index`` from its source, its pixels written to where they belong."""
        tqdm.write(f"{file} is damaged at image {self.ids[index]}: the image is decoded again.", file=sys.stderr)
        image = np.ascontiguousarray(self._source.read(index))
        if self._sums is None or zlib.crc32(image.data) != self._sums[index]:
            raise Damaged(file, f"is damaged at image {self.ids[index]}, which is another one today", self.folder)
        with contextlib.suppress(OSError), file.open("r+b") as stream:
            stream.seek(int(self._offsets[index]))
            stream.write(image.data)
        image.flags.writeable = False
        return image

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None}


def image_key(images: ImageFiles) -> str:
    """16 hex digits that change when the content of an image file does, or the choice or order of the images.

    Raises:
        ReproError: naming the first file that is missing or unusable.
    """
    digests = checked_images(images.paths, images.ids, None, "the data set").digests  # as they are now
    digest = hashlib.sha256(str(VERSION).encode())
    digest.update(np.ascontiguousarray(images.sizes, dtype=np.int64).tobytes())
    digest.update("\n".join(digests or ()).encode())
    return digest.hexdigest()[:16]


def cache_images(
    source: ImageSource,
    key: str | None = None,
    *,
    workers: int | None = None,
    limit_bytes: float | None = None,
) -> ImageSource:
    """The same images, decoded once and kept under ``repro.paths.cache() / "decoded" / key``.

    An existing complete cache is opened, anything else is built, with a progress bar. Where the images would take more
    than ``limit_bytes``, or the disk cannot hold them, ``source`` itself comes back and a line on stderr says so. Two
    processes that build the same cache both succeed: the first to finish provides it.

    Args:
        source: the images; ``read`` is called from several threads.
        key: name of the cache, of letters, digits, dots, hyphens and underscores; it has to change when the images do.
            By default ``image_key``, which needs a source of files.
        workers: decoding threads; by default one a core, 8 at most.
        limit_bytes: the largest file to write, 3 bytes a pixel; by default ``$REPRO_CACHE_LIMIT`` in GB, or LIMIT_BYTES.

    Raises:
        ReproError: for an unusable key, or an image that cannot be read or has another size than stated.
    """
    key = _checked_key(source, key)
    needed = int(_offsets(source.sizes)[-1])
    if needed == 0:
        return source
    folder = paths.cache() / "decoded" / key
    manifest, limit = _manifest(key, source.sizes), cache_limit(LIMIT_BYTES) if limit_bytes is None else limit_bytes
    remove_left(folder.parent.glob(".*"))
    if _is_complete(folder, manifest):
        return _open(folder, source)
    if needed > limit:
        reason = f"{needed / 1e9:.2f} GB are more than the limit of {limit / 1e9:.2f} GB"
        return _fall_back(source, f"{reason}, which {VARIABLE}={enough(needed)} raises")
    try:
        _build(source, folder, manifest, workers or min(os.cpu_count() or 1, 8))
        return _open(folder, source)
    except OSError as error:
        return _fall_back(source, f"{folder} cannot be written ({error})")


def _open(folder: Path, source: ImageSource) -> DecodedImages:
    """A complete cache."""
    found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return DecodedImages(folder, source, np.array(found["sums"], dtype=np.uint32) if "sums" in found else None)


def _checked_key(source: ImageSource, key: str | None) -> str:
    """The key, or the one made from the files."""
    if key is None:
        if not isinstance(source, ImageFiles):
            raise ReproError(
                f"A cache of {type(source).__name__} needs a key, got none: give one that names its images."
            )
        return image_key(source)
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", key):
        raise ReproError(f"The key of a cache is {key!r}: use letters, digits, dots, hyphens and underscores.")
    return key


def _fall_back(source: ImageSource, reason: str) -> ImageSource:
    tqdm.write(f"Images are decoded anew in every epoch: {reason}.", file=sys.stderr)
    return source


def _offsets(sizes: np.ndarray) -> np.ndarray:
    """(M + 1,) int64: where each image begins in the file, in bytes, and the size of the file."""
    return np.concatenate([[0], np.cumsum(3 * np.prod(np.asarray(sizes, dtype=np.int64), axis=1))])


def _manifest(key: str, sizes: np.ndarray) -> dict[str, Any]:
    """What ``manifest.json`` must hold for these images."""
    content = {"version": VERSION, "key": key, "sizes": sizes.tolist(), "offsets": _offsets(sizes).tolist()}
    checksum = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {**content, "checksum": checksum}


def _is_complete(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether the folder is a whole cache with exactly this manifest, its seal and the checksums of the images aside."""
    if not folder.exists():
        return False
    try:
        found = read_sealed(
            folder / "manifest.json", KIND, before=manifest
        )  # the fields of before there were checksums
        sums = found.pop("sums", manifest["sizes"])
        found.pop("kind", None)
        whole = found == manifest and len(sums) == len(manifest["sizes"])
        return whole and (folder / "images.bin").stat().st_size == manifest["offsets"][-1]
    except (OSError, Damaged):
        return False


def _build(source: ImageSource, folder: Path, manifest: dict[str, Any], workers: int) -> None:
    """Fill a temporary folder and put it in place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    needed = manifest["offsets"][-1]
    if needed > (free := shutil.disk_usage(folder.parent).free):
        raise OSError(f"{needed / 1e9:.2f} GB needed, {free / 1e9:.2f} GB free")
    tqdm.write(f"Decoding {len(source.ids)} images once into {folder} ({needed / 1e9:.2f} GB).", file=sys.stderr)
    temporary = _temporary(folder)
    temporary.mkdir()
    hold, sums = Hold(temporary), []
    try:
        with open(temporary / "images.bin", "wb") as file:
            for image in tqdm(_decode(source, workers), total=len(source.ids), unit="image", disable=None):
                file.write(image.data)
                sums.append(zlib.crc32(image.data))
            file.flush()
            os.fsync(file.fileno())
        write_sealed(temporary / "manifest.json", KIND, {**manifest, "sums": sums})
        _put_in_place(temporary, folder, manifest)
    finally:
        hold.close()
        shutil.rmtree(temporary, ignore_errors=True)


def _decode(source: ImageSource, workers: int, chunk: int = 256) -> Iterator[np.ndarray]:
    """The images in order, decoded by threads (OpenCV leaves Python's lock), ``chunk`` in memory at a time."""
    count = len(source.ids)
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, count, chunk):
            indices = range(start, min(start + chunk, count))
            for index, image in zip(indices, pool.map(source.read, indices), strict=True):
                width, height = source.sizes[index]
                if image.shape != (height, width, 3) or image.dtype != np.uint8:
                    raise ReproError(
                        f"Image {source.ids[index]} is {image.dtype} of shape {image.shape}, expected uint8 of "
                        f"({height}, {width}, 3): run `repro data check` on this data set to list all such images."
                    )
                yield np.ascontiguousarray(image)


def _put_in_place(temporary: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """Rename ``temporary`` to ``folder``, unless another process has completed the same cache meanwhile."""
    try:
        os.replace(temporary, folder)
    except OSError:  # a folder that is not empty is never replaced
        if not _is_complete(folder, manifest):
            raise


def _clear(folder: Path) -> None:
    """Delete a broken cache, moved away first so that nobody meets it half deleted."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(folder, broken := _temporary(folder))
        shutil.rmtree(broken, ignore_errors=True)


def _temporary(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
