"""Exported networks give the maps of the run's own, for other numbers of images too."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import repro
from repro.api import trained as trained_runs
from repro.cli.main import main
from repro.errors import ReproError
from repro.skeletons.skeleton import LSPET14


@pytest.fixture(autouse=True)
def known_skeleton(monkeypatch):
    """The tiny data set's skeleton is known."""
    monkeypatch.setattr(trained_runs, "skeleton_of", lambda place: LSPET14)


@pytest.fixture(params=["crops", "whole"])
def run(request, trained):
    """A top-down run, and a bottom-up one."""
    return repro.load_run(trained[1 if request.param == "crops" else 2].key, device="cpu")


def shown(run, count):
    """Images, and the maps of the run's own network."""
    width, height = run.recipe.input.size
    images = torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(count))
    with torch.inference_mode():
        return images, run.network(images)


def check(run, maps_of, about):
    """That the maps of one image and of three are those of the run's network."""
    for count in (1, 3):
        images, own = shown(run, count)
        maps = maps_of(images)
        assert list(about["outputs"]) == list(own) and len(maps) == len(own)
        for one, (name, expected) in zip(maps, own.items(), strict=True):
            assert about["outputs"][name]["shape"] == list(expected.shape[1:])
            np.testing.assert_allclose(
                np.asarray(one.detach() if torch.is_tensor(one) else one), expected, atol=2e-4, rtol=1e-3
            )


def exported(run, path):
    """The JSON beside the exported file."""
    file, about = repro.export_run(run, path)
    assert file == path and about == path.with_suffix(".json")
    return json.loads(about.read_text(encoding="utf-8"))


def test_torchscript(run, tmp_path):
    about = exported(run, tmp_path / "network.ts")
    check(run, torch.jit.load(str(tmp_path / "network.ts")), about)


def test_torch_export(run, tmp_path):
    about = exported(run, tmp_path / "network.pt2")
    check(run, torch.export.load(tmp_path / "network.pt2").module(), about)


@pytest.mark.slow
def test_onnx(run, tmp_path):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: `pip install -e .[export]`")
    import onnxruntime

    about = exported(run, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == list(about["outputs"])
    check(run, lambda images: session.run(None, {"images": images.numpy()}), about)


def test_what_is_known_of_it_stands_beside(crops, tmp_path):
    done = CliRunner().invoke(main, ("export", crops.key, str(tmp_path / "a.ts")), catch_exceptions=False)
    assert done.exit_code == 0 and done.output.count("Written") == 2
    about = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert about["input"]["images"] == ["batch", 3, 64, 48] and about["recipe"] == crops.key
    assert about["outputs"]["heatmaps"] == {"shape": [14, 16, 12], "stride": 4}
    assert about["keypoints"] == list(LSPET14.keypoints)


def test_other_suffixes_and_missing_packages_are_told(crops, tmp_path, monkeypatch):
    run = repro.load_run(crops.key, device="cpu")
    with pytest.raises(
        ReproError, match="Unknown suffix of an exported network '.pth': choose one of .onnx, .ts, .pt2"
    ):
        repro.export_run(run, tmp_path / "a.pth")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ReproError, match=r"ONNX needs the package onnx: .*\[export\]"):
        repro.export_run(run, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())
