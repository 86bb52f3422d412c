"""MATLAB files against SciPy, which wrote and reads them, and damage that must not end the process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from repro.data.sets.matlab import read_arrays

KINDS = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?")
SHAPES = ((14, 3, 4), (1, 1), (2, 3), (0, 3), (5,), (2, 2, 2, 2))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_numbers_are_those_that_scipy_reads(tmp_path: Path, packed: bool, kind: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    others = {"a_struct": {"x": 1, "y": "text"}, "cells": np.array(["a", 1], dtype=object), "text": "words"}
    savemat(tmp_path / "a.mat", {**others, "wanted": values, "last": 1.5}, do_compression=packed)
    found = read_arrays(tmp_path / "a.mat", ("last", "wanted"))
    expected = loadmat(tmp_path / "a.mat")
    assert list(found) == ["last", "wanted"]  # as asked for, which is not the file's order
    for name in ("wanted", "last"):
        assert found[name].dtype == np.float64 and found[name].shape == expected[name].shape
        np.testing.assert_array_equal(found[name], expected[name].astype(np.float64))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array(["a", 1], dtype=object), "holds cells"),
        ({"x": 1}, "holds structures"),
        ("words", "holds text"),
        (csc_array(np.eye(3)), "holds sparse numbers"),
        (np.full((2, 2), 1j), "holds complex numbers"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_no_array_of_numbers_is_refused(tmp_path, value, words, packed):
    savemat(tmp_path / "a.mat", {"x": value}, do_compression=packed)
    with pytest.raises(ValueError, match=f"x {words}"):
        read_arrays(tmp_path / "a.mat", ("x",))


def test_other_files_are_refused(tmp_path):
    for content in (b"", b"nothing", bytes(200), b"\x89HDF\r\n\x1a\n" + bytes(600)):
        (tmp_path / "a.mat").write_bytes(content)
        with pytest.raises(ValueError, match="no MATLAB file of version 5"):
            read_arrays(tmp_path / "a.mat", ("x",))
    savemat(tmp_path / "a.mat", {"y": 1})
    with pytest.raises(ValueError, match="it has no array x"):
        read_arrays(tmp_path / "a.mat", ("x",))


@settings(
    derandomize=True, deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.booleans(), st.data())
def test_damage_is_refused_or_other_numbers(tmp_path, packed, data):
    values = np.arange(24.0).reshape(2, 3, 4)
    savemat(tmp_path / "a.mat", {"first": "text", "x": values}, do_compression=packed)
    content = bytearray((tmp_path / "a.mat").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from([0, 1, 14, 15, 127, 255]))
    content = content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))]
    (tmp_path / "a.mat").write_bytes(content)
    try:
        found = read_arrays(tmp_path / "a.mat", ("x",))["x"]
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert found.dtype == np.float64


def test_real_lspet_is_read_as_by_scipy(samples):
    path = samples / "lspet" / "joints.mat"
    np.testing.assert_array_equal(read_arrays(path, ("joints",))["joints"], loadmat(path)["joints"])
