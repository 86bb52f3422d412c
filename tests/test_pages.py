"""The examples in Python of README and docs run, from top to bottom, on a photograph."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from repro import paths
from repro.data.catalogue import load_persons
from repro.data.photographs import read_photograph


def blocks(page: Path) -> str:
    """All Python of a page."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))


def some_photograph() -> np.ndarray:
    """A photograph of COCO where samples are there, else a drawn person."""
    samples = os.environ.get("REPRO_SAMPLES")
    found = sorted(Path(samples).glob("coco-mini/val2017/*.jpg")) if samples else []
    return (
        read_photograph(found[0])
        if found
        else load_persons("people", None, "val", limit=1, size=(192, 256)).images.read(0)
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_the_examples_run(page, tmp_path, monkeypatch):
    for name in ("runs", "results", "cache"):
        monkeypatch.setenv(f"REPRO_{name.upper()}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.jpg", some_photograph()[..., ::-1])
    source = blocks(paths.ROOT / page)
    assert "repro.train(" in source and len(source.splitlines()) >= 5
    exec(compile(source, page, "exec"), {"__name__": "example"})
    assert read_photograph("poses.jpg").shape == read_photograph("photo.jpg").shape


@pytest.mark.slow
def test_the_example_of_a_combination_runs(tmp_path, monkeypatch, capsys):
    for name in ("runs", "results", "cache"):
        monkeypatch.setenv(f"REPRO_{name.upper()}", str(tmp_path / name))
    exec(compile(blocks(paths.ROOT / "docs/how-to/a-combination.md"), "a-combination.md", "exec"), {"__name__": "example"})
    assert "WeightedInference(n=5)" in capsys.readouterr().out
