"""Arrays of MATLAB files: numbers and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain_numbers(values: Any) -> np.ndarray:
    """An array of real numbers as float64.

    Raises:
        ValueError: for cell arrays, text, structures, sparse or complex numbers.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        kind = {"O": "cells", "U": "text", "V": "structures", "c": "complex numbers"}
        found = kind.get(values.dtype.kind, "no array") if isinstance(values, np.ndarray) else "no plain array"
        raise ValueError(f"expected an array of numbers, found {found}")
    return values.astype(np.float64)
