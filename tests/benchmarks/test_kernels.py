"""Which kernels a step's time goes to: names and sums, and what the estimate counts."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest
import torch
from torch import nn

from repro import paths

from .test_common import script


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sm90_xmma_wgrad_implicit_gemm_indexed_bf16bf16_bf16f32", "convolutions"),
        ("void cudnn::bn_fw_tr_1C11_kernel_NCHW<float, float, int, 512>", "batch normalisation"),
        ("void at::native::batch_norm_backward_elemt_channels_last_kernel<4>", "batch normalisation"),
        ("void at::native::vectorized_elementwise_kernel<8, at::native::launch_clamp_scalar>", "ReLU"),
        ("void at::native::vectorized_elementwise_kernel<8, at::native::CUDAFunctor_add<c10::BFloat16>>", "sums"),
        ("void at::native::multi_tensor_apply_kernel<FusedAdamMathFunctor<float, 4>>", "optimiser"),
        ("void cudnn::ops::nchwToNhwcKernel<__nv_bfloat16>", "layout"),
        ("something else", "others"),
    ],
)
def test_kinds_of_kernels(name, kind, monkeypatch):
    assert script("kernels", monkeypatch).kind_of(name) == kind


def test_the_largest_kernels_the_sums_of_kinds_and_what_is_left(monkeypatch):
    found = [(f"conv {i}", 2, 1.0) for i in range(11)] + [("relu", 5, 0.5)]
    table = script("kernels", monkeypatch).lines(found, 14.5)
    assert [line["what"] for line in table] == [f"conv {i}" for i in range(10)] + ["all", "all", "waiting"]
    sums = {line["kind"]: (line["calls_a_step"], line["ms_a_step"]) for line in table[10:]}
    assert sums == {"convolutions": (22, 11.0), "ReLU": (5, 0.5), "": (0, 3.0)}
    assert table[-1]["share"] == round(3 / 14.5, 4)


def test_it_runs_on_a_cpu(tmp_path):
    out = tmp_path / "kernels.csv"
    command = [sys.executable, str(paths.ROOT / "benchmarks" / "kernels.py"), "--device", "cpu", "--steps", "1"]
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)
    with out.open() as file:
        table = list(csv.DictReader(file))
    assert len(table) > 10 and table[-1]["what"] == "waiting"
    assert {"convolutions", "batch normalisation"} <= {line["kind"] for line in table if line["what"] == "all"}


class Small(nn.Module):
    """A convolution of 2 to 3 channels without bias, a batch normalisation and a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3), nn.ReLU())

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"maps": self.layers(images)}


def test_bytes_and_operations_of_a_small_network_by_hand(monkeypatch):
    """For 5 images of 4x4: 160 numbers in, 240 out, 6 weights. No gradient flows to the images."""
    count = script("roofline", monkeypatch).counted(Small(), torch.empty(5, 2, 4, 4))
    into, out, weights, channels = 160, 240, 6, 3
    # Forward reads images and weights and writes maps; back it reads gradient, images and weights and writes the weights' own.
    assert count.bytes["convolutions"] == 2 * ((into + weights + out) + (out + into + weights + weights))
    # Forward: maps twice, scale, shift, mean, variance (each twice as counted), and out; mean and deviation are kept. Back:
    # gradient and maps twice, five numbers a channel but the shift, and out come three gradients.
    forward = 2 * (out + 4 * channels) + out + 2 * channels
    back = 2 * (2 * out + 5 * channels) + out + 2 * channels
    assert count.bytes["batch normalisation"] == 2 * (forward + back)
    assert count.bytes["ReLU"] == 2 * (2 * out + 3 * out)
    assert count.operations["convolutions"] == 2 * (2 * weights * out // channels)  # forward, and for the weights
    assert count.bytes["sums of branches and of gradients"] == 2 * (
        2 + 2
    )  # the counter of batches, and the sum of losses
