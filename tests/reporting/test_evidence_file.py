"""Evidence in a result folder."""

from __future__ import annotations

import numpy as np
import pytest

from repro.errors import ReproError
from repro.metrics.evidence import Matches, Ratio
from repro.reporting.evidence_file import FILE, read_evidence, write_evidence


def test_what_is_written_is_read(tmp_path):
    hit = np.ones((1, 10), dtype=bool)
    one = {"AP": Matches(np.array([0]), hit, ~hit, np.array([1, 1])), "AP/x": Ratio(np.array([0.5, 1]), np.ones(2))}
    write_evidence(tmp_path, {("row-a", 0): one, ("row-a", 12): {"OKS": Ratio(np.zeros(2), np.ones(2))}})
    found = read_evidence(tmp_path)
    assert set(found) == {("row-a", 0), ("row-a", 12)} and set(found["row-a", 0]) == {"AP", "AP/x"}
    weights = np.array([[1, 1], [2, 0]])
    assert found["row-a", 0]["AP"].values(weights).tolist() == pytest.approx([51 / 101, 1.0])
    assert found["row-a", 0]["AP/x"].values(weights).tolist() == [0.75, 0.5]


def test_a_folder_without_evidence_has_none(tmp_path):
    write_evidence(tmp_path, {("row", 0): {}})
    assert read_evidence(tmp_path) == {} and not (tmp_path / FILE).exists()


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / FILE).write_bytes(b"no archive")
    with pytest.raises(ReproError, match=r"evidence.npz cannot be read"):
        read_evidence(tmp_path)
