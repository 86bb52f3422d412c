"""How much the caches of images may take on disk."""

from __future__ import annotations

import math
import os

from repro.errors import ReproError

VARIABLE = "REPRO_CACHE_LIMIT"
LIMIT_BYTES = 2e9  # of each cache where the variable says nothing


def cache_limit(default: float) -> float:
    """Bytes that a cache may take: ``$REPRO_CACHE_LIMIT`` in GB, else the default. Raises ReproError for no such number."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return default
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not limit > 0:
        raise ReproError(f"{VARIABLE} is {text!r}: give the GB that a cache of images may take, as in 4 or 0.5.")
    return limit * 1e9


def enough(size: float) -> str:
    """The limit, in GB with one digit, that holds so many bytes."""
    return f"{math.ceil(size / 1e8) / 10:g}"
