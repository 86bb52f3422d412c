from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import DeformConv2d, deform_conv2d

from repro.errors import ReproError
from repro.metrics.counts import GIBI, GIGA, count_gflops, count_parameters


def multiply_adds(model: nn.Module, size: tuple[int, int], **keywords) -> int:
    """The count as a whole number."""
    count = count_gflops(model, size, unit=1, **keywords)
    assert count == int(count)
    return int(count)


def test_convolution_by_hand():
    # 3 -> 8 channels, 3x3, stride 2: 216 weights at 20 x 12 outputs. Bias, batch norm and ReLU are free.
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    assert multiply_adds(model, (40, 24)) == 216 * 20 * 12
    assert count_parameters(model) == 216 + 8 + 2 * 8


def test_size_is_width_then_height():
    # A kernel of 1 x 5 (height x width) without padding: 20 wide and 10 high leaves 16 x 10 outputs.
    model = nn.Conv2d(3, 1, (1, 5), bias=False)
    assert multiply_adds(model, (20, 10)) == 15 * 16 * 10


def test_grouped_convolution_by_hand():
    # 6 channels in 3 groups: each of 6 outputs sees 2 inputs, 6 * 2 * 9 = 108 weights. 1x1 before: 18.
    model = nn.Sequential(nn.Conv2d(3, 6, 1, bias=False), nn.Conv2d(6, 6, 3, padding=1, groups=3, bias=False))
    assert multiply_adds(model, (10, 8)) == (18 + 108) * 80


def test_transposed_convolution_is_counted_at_its_output():
    # 3 -> 5, 4x4, stride 2: 240 weights at 20 x 16 outputs; true multiply-adds would be at 10 x 8.
    model = nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1, bias=False)
    assert multiply_adds(model, (10, 8)) == 240 * 20 * 16


class Head(nn.Module):
    """Pools a 1x1 convolution to one vector, or to one vector a row, and applies a linear layer."""

    def __init__(self, rows: bool) -> None:
        super().__init__()
        self.conv, self.linear, self.rows = nn.Conv2d(3, 4, 1, bias=False), nn.Linear(4, 7), rows

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.conv(x)
        return self.linear(features.mean(3).transpose(1, 2) if self.rows else features.mean((2, 3)))


@pytest.mark.parametrize(("rows", "vectors"), [(False, 1), (True, 8)])
def test_linear_layer_by_hand(rows, vectors):
    # 12 weights at 10 x 8 pixels, then 28 weights a vector: one, or one in each of the 8 rows.
    assert multiply_adds(Head(rows), (10, 8)) == 12 * 80 + 28 * vectors


class Deformable(nn.Module):
    """Offsets from a 3x3 convolution, then a 3x3 deformable convolution to 6 channels, as a layer or as a function."""

    def __init__(self, as_function: bool) -> None:
        super().__init__()
        self.offset = nn.Conv2d(3, 18, 3, padding=1)
        self.deform = DeformConv2d(3, 6, 3, padding=1, bias=False)
        self.as_function = as_function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        offset = self.offset(x)
        if self.as_function:
            return deform_conv2d(x, offset, self.deform.weight, padding=1)
        return self.deform(x, offset)


@pytest.mark.parametrize("as_function", [False, True])
def test_deformable_convolution_counts_as_a_plain_one(as_function):
    # Offsets: 18 * 27 = 486 weights; deformable: 6 * 27 = 162.
    assert multiply_adds(Deformable(as_function), (10, 8)) == (486 + 162) * 80


class Branches(nn.Module):
    """One 3x3 convolution in three branches, one layer that never runs, and a matrix product of activations."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.alone = nn.Conv2d(3, 2, 1, bias=False)
        self.idle = nn.Conv2d(3, 100, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = self.shared(x) + self.shared(x + 1) + F.conv2d(x, weight=self.shared.weight, padding=1)
        return self.alone(torch.matmul(branches, branches.transpose(2, 3)))


def test_layers_count_as_often_as_they_run():
    # 81 weights at 8 x 8 pixels thrice, then 6 weights once. The matrix product is free, the idle layer does not run.
    assert multiply_adds(Branches(), (8, 8)) == (3 * 81 + 6) * 64


def test_shared_weights_can_count_once():
    assert multiply_adds(Branches(), (8, 8), shared_once=True) == (81 + 6) * 64


def test_parameters_count_once_and_include_what_does_not_run():
    assert count_parameters(Branches()) == 81 + 6 + (2700 + 100)
    layer = nn.Linear(4, 4)
    assert count_parameters(nn.Sequential(layer, layer)) == 20
    layer.weight.requires_grad_(False)
    assert count_parameters(layer) == 20


def hrnet_stem_and_first_stage() -> nn.Module:
    """The part of HRNet before its branches: two strided 3x3 convolutions, then four bottlenecks 64 -> 256."""
    widen = nn.Sequential(nn.Conv2d(64, 256, 1, bias=False), nn.BatchNorm2d(256))
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        Bottleneck(64, 64, downsample=widen),
        *(Bottleneck(256, 64) for _ in range(3)),
    )


def test_official_counts_of_hrnet_stem_and_first_stage():
    # The official network and tool at 128x96: stem 38,848 parameters and .0313, first stage 286,208 and .2022.
    model = hrnet_stem_and_first_stage()
    assert count_parameters(model) == 38_848 + 286_208
    assert count_gflops(model, (96, 128)) == pytest.approx(0.0313 + 0.2022, abs=1e-4)


def test_units_of_top_down_and_bottom_up_papers():
    model = nn.Conv2d(3, 8, 3, padding=1)
    assert count_gflops(model, (64, 64)) == 216 * 4096 / 2**30
    assert count_gflops(model, (64, 64), unit=GIBI) == count_gflops(model, (64, 64))
    assert count_gflops(model, (64, 64), unit=GIGA) == 216 * 4096 / 1e9


class AuxiliaryHead(nn.Module):
    """A second convolution that only training needs."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.auxiliary = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 7, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.head(x), self.auxiliary(x)) if self.training else (self.head(x),)


def test_the_pass_is_that_of_eval_mode():
    assert multiply_adds(AuxiliaryHead().train(), (10, 8)) == 6 * 80


def test_counting_leaves_the_model_as_it_is():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    model.train()
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weight = model[0].weight
    count_gflops(model, (8, 8))
    assert [m.training for m in model] == [True, False, True] and model.training
    assert model[0].weight is weight and weight.device.type == "cpu" and weight.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model(torch.zeros(1, 3, 8, 8)).requires_grad


def test_a_failing_model_keeps_its_training_flag():
    model = nn.Sequential(nn.Conv2d(4, 4, 3)).train()  # takes 4 channels, an image has 3
    with pytest.raises(RuntimeError, match="channel"):
        count_gflops(model, (8, 8))
    assert model.training and model[0].training
    assert model[0].weight.device.type == "cpu"


def test_large_networks_are_not_computed():
    # 2^40 multiply-adds and 64 GiB of activations if it were.
    layer = nn.Conv2d(3, 256, 1, bias=False)
    model = nn.Sequential(layer, nn.Conv2d(256, 256, 1, bias=False))
    assert multiply_adds(model, (8192, 8192)) == (768 + 65536) * 2**26


def test_an_empty_image_is_refused():
    with pytest.raises(ReproError, match="Input size is \\(0, 64\\)"):
        count_gflops(nn.Conv2d(3, 1, 1), (0, 64))
