"""Arrays of numbers in MATLAB files of version 5 ("MAT-File Format", The MathWorks), and nothing else of them.

SciPy's reader, compiled code, trusts the lengths that a file states and ends the process on a damaged one. Here every length is
compared with the bytes that are there. Cells, text, structures and sparse or complex numbers are refused where they are wanted.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

LARGEST = 2**29  # bytes that a compressed variable may unfold to
NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}  # types of elements
COMPRESSED, MATRIX = 15, 14
CLASSES = {1: "cells", 2: "structures", 3: "objects", 4: "text", 5: "sparse numbers"}  # of arrays; 6 to 15 are numbers
COMPLEX = 0x0800


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays of these names, in their order, as float64 with MATLAB's dimensions.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: for another kind of file, one that is damaged, or an array that is missing or holds no plain numbers.
    """
    data = path.read_bytes()
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise ValueError("it is no MATLAB file of version 5 to 7")
    order = "<" if data[126:128] == b"IM" else ">"
    found = {}
    for kind, body in _elements(memoryview(data)[128:], order):
        if kind == COMPRESSED:
            kind, body = next(_elements(memoryview(_inflated(body)), order), (0, body))
        if kind == MATRIX:
            parts = _elements(body, order)
            name, flags, shape = _header(parts, order)
            if name in names:
                found[name] = _numbers(name, flags, shape, parts, order)
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"it has no array {missing[0]}")
    return {name: found[name] for name in names}


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and bytes of each element. Small ones keep type, length and up to 4 bytes in 8."""
    position = 0
    while position + 8 <= len(data):
        kind, length = struct.unpack(order + "II", data[position : position + 8])
        small = kind >> 16
        start = position + (4 if small else 8)
        if small:
            kind, length = kind & 0xFFFF, small
        if length > (4 if small else len(data) - start):
            raise ValueError("it is damaged or cut off")
        yield kind, data[start : start + length]
        position = position + 8 if small else start + length + (0 if kind == COMPRESSED else -length % 8)


def _inflated(data: memoryview) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        out = unpacker.decompress(data, LARGEST)
    except zlib.error as error:
        raise ValueError("it is damaged") from error
    if not unpacker.eof:
        raise ValueError(f"it is damaged or holds more than {LARGEST} bytes")
    return out


def _header(parts: Iterator[tuple[int, memoryview]], order: str) -> tuple[str, int, tuple[int, ...]]:
    """Name, flags and dimensions of an array."""
    (_, flags), (_, shape), (_, name) = (next(parts, (0, memoryview(b""))) for _ in range(3))
    if len(flags) != 8 or len(shape) < 8 or len(shape) % 4:
        raise ValueError("it is damaged")
    (first,) = struct.unpack(order + "I", flags[:4])
    return bytes(name).decode("latin-1"), first, struct.unpack(f"{order}{len(shape) // 4}i", shape)


def _numbers(
    name: str, flags: int, shape: tuple[int, ...], parts: Iterator[tuple[int, memoryview]], order: str
) -> np.ndarray:
    if kind := CLASSES.get(flags & 0xFF):
        raise ValueError(f"{name} holds {kind}, expected an array of numbers")
    if flags & COMPLEX:
        raise ValueError(f"{name} holds complex numbers, expected real ones")
    stored, body = next(parts, (0, memoryview(b"")))
    form = np.dtype(order + NUMBERS.get(stored, "f8"))
    if stored not in NUMBERS or min(shape) < 0 or math.prod(shape) * form.itemsize != len(body):
        raise ValueError(f"{name} is damaged")
    return np.frombuffer(body, dtype=form).astype(np.float64).reshape(shape, order="F")
