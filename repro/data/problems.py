"""What the checks of all data sets share: the form of a problem, its text, and questions to raw values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from repro.data.image_files import look_at
from repro.data.persons import ImageFiles
from repro.data.values import name_fault

FAR = 0.1  # a keypoint is far outside when it is beyond the border by more than this share of the longer image side
SHOWN = 10  # problems of a kind that a report lists


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        file: the annotation file; the folder of the images where no annotation file names them.
        item: what it is about, as in ``annotation 7``, ``image 3`` or ``annotations[0]`` (a position, from 0).
        field: the name of the field that is wrong.
        message: what was found and what was expected, without the three above.
        severity: ``error`` or ``warning``.
    """

    file: str
    item: str
    field: str
    message: str
    severity: Severity = "error"


Severity = Literal["error", "warning"]
Found = Iterator[tuple[str, str, str, Severity]]  # item, field, message, severity: a Problem less its file


def _train_and_val(_: Path | None) -> tuple[str, ...]:
    return ("train", "val")


@dataclass(frozen=True)
class SplitFiles:
    """What is known about the files of a data set that has one JSON file a split.

    Args:
        locate: root and split to the path of the file; raises ReproError where there is none.
        check: content of the file, root, split and whether images are decoded to what is wrong with file and images.
        image_names: content of the file, of any form, to the images' names by id, or by themselves where there are no ids.
        splits: root, None for any, to the splits with a file of their own.
    """

    locate: Callable[[Path, str], Path]
    check: Callable[[Any, Path, str, bool], Found]
    image_names: Callable[[Any], dict[int | str, str]]
    splits: Callable[[Path | None], tuple[str, ...]] = _train_and_val


Check = SplitFiles | Callable[[Path, str | None, bool], list[Problem]]  # the latter: root, split or None for all, decode


def format_problems(problems: list[Problem]) -> str:
    """The problems as text: errors first, one heading for a field of a file, the first 10 under it, and the counts."""
    if not problems:
        return "No problems found."
    kinds: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in sorted(problems, key=lambda p: p.severity):  # stable, and "error" comes before "warning"
        kinds.setdefault((problem.severity, problem.file, problem.field), []).append(problem)
    lines = []
    for (severity, file, field), members in kinds.items():
        lines.append(f"{severity}: {field} in {file} ({len(members)})")
        lines += [f"  {p.item}: {p.message}" for p in members[:SHOWN]]
        if len(members) > SHOWN:
            lines.append(f"  and {len(members) - SHOWN} more")
    counts = Counter(p.severity for p in problems)
    return "\n".join([*lines, f"{counts['error']} errors, {counts['warning']} warnings."])


@dataclass(frozen=True)
class Inspected:
    """An image file: its (width, height), None where it is not usable; what is wrong with it; what is odd about it."""

    size: tuple[int, int] | None
    fault: str = ""
    oddity: str = ""


class Inspector:
    """Looks at the image files of a data set as the reader does.

    Args:
        folder: the folder of the images.
        names: the names of the files, of any form.
        decode: decode the pixels too, by the decoder that training uses; else the container only.
    """

    def __init__(self, folder: Path, names: Iterable[Any], decode: bool) -> None:
        self.folder = folder
        self.decode = decode
        usable = list(dict.fromkeys(name for name in names if name_fault(name) is None))
        self._looks = dict(zip(usable, look_at([folder / name for name in usable]), strict=True))

    def inspect(self, name: Any) -> Inspected:
        """What is found out about the file of this name."""
        if fault := name_fault(name):
            return Inspected(None, fault)
        path, look = self.folder / name, self._looks[name]
        if look.fault:
            return Inspected(None, f"the image {path} {look.fault}")
        size = (look.width, look.height)
        if self.decode:
            try:
                ImageFiles((path,), np.zeros(1, np.int64), np.array([size])).read(0)
                with Image.open(path) as image:
                    image.load()
            except Exception as error:  # Pillow's decoders raise many kinds on damaged files
                return Inspected(None, f"the image {path} cannot be decoded ({error})")
        if look.turned == 1:
            return Inspected(size)
        return Inspected(
            size, oddity=f"EXIF orientation {look.turned} is ignored: labels have to fit the picture as it is stored"
        )


def far_outside(points: np.ndarray, size: tuple[int, int]) -> str | None:
    """The message for points (N, 2) x, y far outside an image of ``size`` (width, height); None when there is none."""
    if not len(points):
        return None
    beyond = np.maximum(-points, points - np.subtract(size, 1)).max(axis=1)
    worst = int(np.argmax(beyond))
    if beyond[worst] <= FAR * max(size):
        return None
    x, y = points[worst]
    return f"a labelled keypoint at ({x:g}, {y:g}) is far outside the image of {size[0]} x {size[1]}"
