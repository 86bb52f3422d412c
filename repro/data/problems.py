"""What the checks of all data sets share: the form of a problem, its text, and questions to raw values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

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
    severity: Literal["error", "warning"] = "error"


Found = Iterator[tuple[str, str, str, str]]  # item, field, message, severity: a Problem less its file


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


def is_number(value: Any) -> bool:
    """Whether this is a finite number of a usable size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def list_fault(value: Any, count: int) -> str | None:
    """What is wrong with a value that should be a list of ``count`` finite numbers; None when nothing is."""
    if not isinstance(value, list):
        return f"is {short(value)}, expected a list of {count} numbers"
    if len(value) != count:
        return f"holds {len(value)} values, expected {count}"
    wrong = [v for v in value if not is_number(v)]
    return f"holds {short(wrong[0])}, expected finite numbers" if wrong else None


def short(value: Any) -> str:
    """The value as text of at most 60 characters."""
    try:
        text = repr(value)
    except RecursionError:
        text = "too deeply nested"
    return text if len(text) <= 60 else text[:57] + "..."


def is_id(value: Any) -> bool:
    """Whether this is a whole number of 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def inspect_image(path: Path, decode: bool) -> tuple[tuple[int, int] | None, str]:
    """The (width, height) of an image file and an empty text, or None and what is wrong with the file.

    Args:
        path: of the image.
        decode: decode the pixels too; else the header only.
    """
    try:
        with Image.open(path) as image:
            if decode:
                image.load()
            return image.size, ""
    except FileNotFoundError:
        return None, f"the image {path} does not exist"
    except Exception as error:  # Pillow's decoders raise many kinds on damaged files
        return None, f"the image {path} cannot be decoded ({error})"


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
