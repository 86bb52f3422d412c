"""Image files as they are found on disk: looked at once, remembered by size and times, so that a second look costs nothing.

A look reads the bytes of a file: it finds out the true size, what is wrong with the file (``headers``), and a checksum of the
content. Results are kept in ``repro.paths.cache() / "images"``, one index a folder of images, by the file's size, times of
change and number on the disk; an index that is damaged or of another version is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from repro import paths
from repro.data.headers import HeaderFault, image_header, turned
from repro.data.persons import ImageFiles
from repro.data.values import ADVICE, refused
from repro.errors import ReproError

VERSION = 1  # of the index and of what a look finds out
SETTLED = (
    2.0  # seconds: a file that has changed later than this before a look may change again within one tick of its clock
)
LARGEST_FILE = 2**30  # bytes
MANY = 2000  # new files from which on a bar is shown


@dataclass(frozen=True)
class Look:
    """What is known about an image file.

    Args:
        width: px; 0 where the file is not usable.
        height: px.
        digest: 32 hex digits of its content.
        turned: EXIF orientation, 1 for none.
        fault: what is wrong with the file, as in ``is cut off``; empty for nothing.
    """

    width: int = 0
    height: int = 0
    digest: str = ""
    turned: int = 1
    fault: str = ""


def look_at(files: Sequence[Path]) -> list[Look]:
    """A look at each file, remembered from an earlier one where the file has not changed since."""
    found: list[Look | None] = [None] * len(files)
    indices = {folder: _read_index(folder) for folder in {file.parent for file in files}}
    states = [_state(file) for file in files]
    for n, (file, state) in enumerate(zip(files, states, strict=True)):
        known = indices[file.parent].get(file.name)
        if state is not None and known is not None and known[0] == state:
            found[n] = Look(**known[1])
    new = [n for n, look in enumerate(found) if look is None]
    now = time.time()
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        looks = pool.map(_look, [files[n] for n in new])
        for n, seen in zip(new, tqdm(looks, total=len(new), desc="Loading images", disable=len(new) < MANY or None),
                           strict=True):  # fmt: skip
            found[n] = seen
    changed = set()
    for n in new:
        state, look = states[n], found[n]
        if state is not None and look is not None and look.digest and now - max(state[1], state[2]) / 1e9 > SETTLED:
            indices[files[n].parent][files[n].name] = [state, asdict(look)]
            changed.add(files[n].parent)
    for folder in changed:
        _write_index(folder, indices[folder])
    return [look for look in found if look is not None]  # each was looked at


def checked_images(
    files: Sequence[Path],
    ids: np.ndarray,
    sizes: np.ndarray | None,
    where: object,
    *,
    field: str = "file_name",
    mend: bool = False,
) -> ImageFiles:
    """Image files that exist, can be read and have the size that the annotations state.

    Args:
        files: M image files.
        ids: (M,) int64 the data set's image ids.
        sizes: (M, 2) int64 (width, height) as stated; None to take those of the files.
        where: the annotation file, for errors.
        field: its field that names the files, for errors.
        mend: take the file's size where the stated width and height are exchanged, as in the official files of CrowdPose, and say
            so once.

    Raises:
        ReproError: naming the first file that is missing, unusable or of another size.
    """
    looks = look_at(files)
    for file, look, identity in zip(files, looks, ids.tolist(), strict=True):
        if look.fault:
            raise refused(where, f"image {identity}", field, f"leads to {file}, which {look.fault}")
    true = np.array([(look.width, look.height) for look in looks], dtype=np.int64).reshape(-1, 2)
    if sizes is not None:
        _check_sizes(files, ids, looks, np.asarray(sizes, dtype=np.int64), true, where, mend)
    return ImageFiles(tuple(files), ids, true, tuple(look.digest for look in looks))


def remembered_images(files: Sequence[Path], ids: np.ndarray, sizes: np.ndarray) -> ImageFiles:
    """Image files as an earlier look found them; without checksums, and of the stated sizes, where one has not been looked at.

    Args:
        files: M image files, of which none is read.
        ids: (M,) int64 the data set's image ids.
        sizes: (M, 2) int64 (width, height) as stated.
    """
    indices = {folder: _read_index(folder) for folder in {file.parent for file in files}}
    looks = []
    for file in files:
        known = indices[file.parent].get(file.name)
        look = Look(**known[1]) if known is not None and known[0] == _state(file) else Look()
        if not look.digest or look.fault:
            return ImageFiles(tuple(files), ids, sizes)
        looks.append(look)
    true = np.array([(look.width, look.height) for look in looks], dtype=np.int64).reshape(-1, 2)
    return ImageFiles(tuple(files), ids, true, tuple(look.digest for look in looks))


def _check_sizes(
    files: Sequence[Path],
    ids: np.ndarray,
    looks: list[Look],
    stated: np.ndarray,
    true: np.ndarray,
    where: object,
    mend: bool,
) -> None:
    """Raise ReproError for the first image whose stated size is not the true one, save those that are mended."""
    exchanged = (stated == true[:, ::-1]).all(axis=1) & (stated != true).any(axis=1)
    upright = np.array([look.turned < 5 for look in looks], dtype=bool)
    other = np.flatnonzero((stated != true).any(axis=1) & ~(exchanged & upright & mend))
    if len(other):
        n = int(other[0])
        hint = ": the two are exchanged" if exchanged[n] else ""
        raise ReproError(
            f"{where}: width and height of image {ids[n]} are {stated[n, 0]} and {stated[n, 1]}, the file {files[n]} has "
            f"{true[n, 0]} and {true[n, 1]}{hint}; correct the annotations, {ADVICE}"
        )
    if count := int(exchanged.sum()):
        tqdm.write(
            f"{where} exchanges width and height of {count} images; the sizes of the files are taken.", sys.stderr
        )


def _state(file: Path) -> list[int] | None:
    """What changes when a file does: size, times, number on the disk; None for anything but a readable file."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino] if stat.S_ISREG(found.st_mode) else None


def _look(file: Path) -> Look:
    """Read a file."""
    if (state := _state(file)) is None:
        return Look(fault="is no file" if os.path.exists(str(file).replace("\0", "")) else "does not exist")
    if not state[0]:
        return Look(fault="cannot be decoded, it is empty")
    if state[0] > LARGEST_FILE:
        return Look(fault=f"has {state[0]} bytes, at most {LARGEST_FILE} are read")
    try:
        data = file.read_bytes()
    except OSError as error:
        return Look(fault=f"cannot be read ({error.strerror})")
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    try:
        width, height = image_header(data, file)
    except HeaderFault as fault:
        return Look(digest=digest, fault=str(fault))
    return Look(width, height, digest, turned(data))


def _index_path(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return paths.cache() / "images" / f"{name}.json"


def _read_index(folder: Path) -> dict[str, Any]:
    """State and look by the name of the file; empty where the index is missing, damaged or of another version."""
    try:
        checksum, text = _index_path(folder).read_text(encoding="utf-8").split("\n", 1)
        if checksum != _checksum(text):
            return {}
        return json.loads(text)
    except (OSError, ValueError):
        return {}


def _write_index(folder: Path, index: dict[str, Any]) -> None:
    """Keep an index; a cache that cannot be written only costs another look."""
    target = _index_path(folder)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    text = json.dumps(index)
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(f"{_checksum(text)}\n{text}", encoding="utf-8")
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def _checksum(text: str) -> str:
    return hashlib.sha256(f"{VERSION}\n{text}".encode()).hexdigest()
