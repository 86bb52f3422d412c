"""Raw values of annotation files: what is a number, what is not, and the sentence that refuses it.

JSON gives text, null, true and numbers of any size where a number is expected. Readers ask here, so that a value is refused when
the file is read, by file, item and field, and never used in one place as it is and in another converted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np

from repro.errors import ReproError

ADVICE = "run `repro data check` on this data set to list every such place."
LARGEST = 1e5  # px: coordinates and lengths of annotations beyond it are no places in photographs
LARGEST_AREA = LARGEST**2


def is_number(value: Any, largest: float = 1e12) -> TypeGuard[float]:
    """Whether this is a finite number of a usable size; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= largest


def is_id(value: Any) -> TypeGuard[int]:
    """Whether this is a whole number of 64 bits; 3.0 is one, as some tools write ids."""
    if isinstance(value, float):
        return value.is_integer() and abs(value) < 2**53
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def short(value: Any) -> str:
    """The value as text of at most 60 characters."""
    try:
        text = repr(value)
    except RecursionError:
        text = "too deeply nested"
    except ValueError:  # whole numbers of thousands of digits
        text = "a whole number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def list_fault(value: Any, count: int, largest: float = 1e12) -> str | None:
    """What is wrong with a value that should be a list of ``count`` finite numbers; None when nothing is."""
    if not isinstance(value, list):
        return f"is {short(value)}, expected a list of {count} numbers"
    if len(value) != count:
        return f"holds {len(value)} values, expected {count}"
    wrong = [v for v in value if not is_number(v, largest)]
    if not wrong:
        return None
    bound = f" of at most {largest:g}" if is_number(wrong[0], math.inf) and math.isfinite(wrong[0]) else ""
    return f"holds {short(wrong[0])}, expected finite numbers{bound}"


def refused(where: object, item: str, field: str, fault: str) -> ReproError:
    """The error for a value: where it stands, and what it is and should be (``fault``, as in ``is '3', expected ...``)."""
    return ReproError(f"{where}: {field} of {item} {fault}; {ADVICE}")


def whole(record: dict[str, Any], field: str, where: object, item: str) -> int:
    """A field that has to be a whole number of 64 bits; 3.0 is one. Raises ReproError."""
    value = record.get(field)
    if not is_id(value):
        state = f"is {short(value)}" if field in record else "is missing"
        raise refused(where, item, field, f"{state}, expected a whole number")
    return int(value)


def number(record: dict[str, Any], field: str, where: object, item: str, low: float, high: float) -> float:
    """A field that has to be a number from ``low`` to ``high``. Raises ReproError."""
    value = record.get(field)
    if not is_number(value) or not low <= value <= high:
        state = f"is {short(value)}" if field in record else "is missing"
        raise refused(where, item, field, f"{state}, expected a number from {low:g} to {high:g}")
    return float(value)


def flat(value: Any, width: int) -> Any:
    """A list of lists of ``width`` values as one list; anything else as it is."""
    if isinstance(value, list) and value and all(isinstance(v, list) and len(v) == width for v in value):
        return [v for inner in value for v in inner]
    return value


def numbers(
    rows: list[Any], count: int, where: object, items: Iterable[str], field: str, largest: float = LARGEST
) -> np.ndarray:
    """(N, count) float64 of N lists of numbers.

    Args:
        rows: one list each.
        count: the number of numbers in each.
        where: the file, for errors.
        items: what each row belongs to, for errors.
        field: its name, for errors.
        largest: magnitude that is allowed.

    Raises:
        ReproError: for the first row that is no list of so many finite numbers.
    """
    allowed = {int, float}
    plain = all(type(row) is list and len(row) == count and allowed.issuperset(map(type, row)) for row in rows)
    if plain:
        try:
            array = np.array(rows, dtype=np.float64).reshape(len(rows), count)
            if not array.size or np.abs(array).max() <= largest:  # false for nan
                return array
        except OverflowError:
            pass
    for row, item in zip(rows, items, strict=True):
        if fault := list_fault(row, count, largest):
            raise refused(where, item, field, fault)
    return np.array([[float(v) for v in row] for row in rows], dtype=np.float64).reshape(len(rows), count)


def name_fault(name: Any) -> str | None:
    """What is wrong with the name of an image file; None when nothing is. Names lead into the data set's folder only."""
    if not isinstance(name, str) or not name:
        return f"is {short(name)}, expected the name of an image"
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return f"is {short(name)}, which is no text"
    parts = name.replace("\\", "/").split("/")
    if "\0" in name or name.startswith(("/", "\\")) or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":"):
        return f"is {short(name)}, which leads out of the folder of the images: expected a name inside it"
    if max(map(len, encoded.split(b"/"))) > 255 or len(encoded) > 1000:
        return f"is {short(name)}, which is too long for the name of a file"
    return None
