"""Adaptive convolutions against ordinary ones, and sampling positions against rotations and scales made by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.deformable import regular_grid
from repro.models.heads.adaptive import (
    AdaptiveBlocks,
    AdaptiveWeight,
    PlainBlocks,
    adaptive_convolution,
    sampling_offsets,
    sampling_positions,
    transformed_grid,
)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def constant_transform(xx: float, xy: float, yx: float, yy: float, height: int, width: int) -> Tensor:
    """The transform x' = xx x + xy y, y' = yx x + yy y at every pixel; its channels are in the order (y, x)."""
    return torch.tensor([yy, yx, xy, xx], dtype=torch.float64).view(1, 4, 1, 1).expand(1, 4, height, width)


def test_the_grid_is_that_of_equation_3():
    grid = transformed_grid(constant_transform(1, 0, 0, 1, 1, 1))[0, :, :, 0, 0]
    assert grid[:, 0].tolist() == [-1, 0, 1, -1, 0, 1, -1, 0, 1]
    assert grid[:, 1].tolist() == [-1, -1, -1, 0, 0, 0, 1, 1, 1]


def test_a_quarter_turn_and_a_scale_by_hand():
    """x' = -3 y, y' = 2 x: the position left above the centre, (-1, -1), goes to (3, -2)."""
    transform = constant_transform(0, -3, 2, 0, 2, 4)
    grid = transformed_grid(transform)
    assert grid.shape == (1, 9, 2, 2, 4)
    assert grid[0, 0, :, 1, 2].tolist() == [3, -2]
    assert grid[0, 5, :, 1, 2].tolist() == [0, 2]  # from (1, 0)
    offsets = sampling_offsets(transform)
    assert offsets.shape == (1, 18, 2, 4)
    # (dy, dx) of T g - g: (-2 - -1, 3 - -1) for the first position, (2 - 0, 0 - 1) for the sixth.
    assert offsets[0, 0:2, 0, 0].tolist() == [-1, 4]
    assert offsets[0, 10:12, 0, 0].tolist() == [2, -1]


def test_offsets_are_the_transformed_grid_less_the_regular_one():
    """Other devices compute it in these words, a CPU as one product of matrices."""
    transform = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    difference = transformed_grid(transform) - regular_grid(transform).view(1, 9, 2, 1, 1)  # (x, y)
    torch.testing.assert_close(sampling_offsets(transform), difference.flip(2).flatten(1, 2), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("dilation", "expected"), [(1, (5, 1)), (2, (4, 0)), (3, (3, -1))])
def test_positions_lie_on_the_pixel_and_the_fixed_grid_of_d_minus_1(dilation, expected):
    """At pixel (x, y) = (2, 3) with T as above, the first position is (2, 3) + (3, -2) - (d - 1)(1, 1)."""
    positions = sampling_positions(constant_transform(0, -3, 2, 0, 5, 4), dilation=dilation)
    assert positions.shape == (1, 9, 2, 5, 4)
    assert tuple(positions[0, 0, :, 3, 2].tolist()) == expected


def test_sampling_starts_collapsed_on_the_pixel():
    positions = sampling_positions(torch.zeros(1, 4, 3, 2))
    assert torch.equal(positions[0, :, 0], torch.tensor([0.0, 1]).expand(9, 3, 2))
    assert torch.equal(positions[0, :, 1], torch.tensor([[0.0], [1], [2]]).expand(9, 3, 2))


def test_with_t_zero_dilation_1_is_a_1x1_convolution_and_more_loses_one():
    x, weight, zero = draw(2, 3, 7, 6), draw(4, 3, 3, 3, seed=1), torch.zeros(2, 4, 7, 6, dtype=torch.float64)
    summed = F.conv2d(x, weight.sum((2, 3), keepdim=True))
    torch.testing.assert_close(adaptive_convolution(x, zero, weight), summed)
    for d in (2, 3):
        ordinary = F.conv2d(x, weight, padding=d - 1, dilation=d - 1)
        torch.testing.assert_close(adaptive_convolution(x, zero, weight, dilation=d), ordinary)


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_with_t_identity_it_is_the_ordinary_convolution(dilation):
    x, weight = draw(1, 3, 7, 6), draw(4, 3, 3, 3, seed=1)
    found = adaptive_convolution(x, constant_transform(1, 0, 0, 1, 7, 6), weight, dilation=dilation)
    torch.testing.assert_close(found, F.conv2d(x, weight, padding=dilation, dilation=dilation))


def test_with_t_twice_the_identity_it_is_the_ordinary_convolution_of_dilation_2():
    x, weight = draw(1, 3, 7, 6), draw(4, 3, 3, 3, seed=1)
    found = adaptive_convolution(x, constant_transform(2, 0, 0, 2, 7, 6), weight)
    torch.testing.assert_close(found, F.conv2d(x, weight, padding=2, dilation=2))


def test_a_quarter_turn_is_a_convolution_with_the_turned_kernel():
    """x' = -y, y' = x takes right to down, clockwise on the screen: so does the kernel turn."""
    x, weight = draw(1, 3, 7, 6), draw(4, 3, 3, 3, seed=1)
    found = adaptive_convolution(x, constant_transform(0, -1, 1, 0, 7, 6), weight)
    torch.testing.assert_close(found, F.conv2d(x, torch.rot90(weight, -1, (2, 3)), padding=1))


@settings(max_examples=30, deadline=None)
@given(
    angle=st.floats(-math.pi, math.pi),
    scale=st.floats(0.0, 2.8),
    dilation=st.integers(1, 2),
    slope=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_on_a_slope_each_weight_meets_the_value_at_its_turned_and_scaled_position(angle, scale, dilation, slope):
    """Bilinear sampling is exact on a x + b y, and no position leaves the 13x13 map from its centre (6, 6)."""
    a, b = slope
    y, x = torch.meshgrid(torch.arange(13.0).double(), torch.arange(13.0).double(), indexing="ij")
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    weight = draw(1, 1, 3, 3, seed=2)
    expected = 0.0
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            at_x = 6 + cos * column - sin * row + (dilation - 1) * column
            at_y = 6 + sin * column + cos * row + (dilation - 1) * row
            expected += float(weight[0, 0, row + 1, column + 1]) * (a * at_x + b * at_y)
    transform = constant_transform(cos, -sin, sin, cos, 13, 13)
    found = adaptive_convolution((a * x + b * y)[None, None], transform, weight, dilation=dilation)
    assert float(found[0, 0, 6, 6]) == pytest.approx(expected, abs=1e-9)


def test_each_pixel_has_its_own_transform():
    """The left half collapses to the sum of the kernel, the right half is an ordinary convolution."""
    x, weight = draw(1, 2, 5, 8), draw(2, 2, 3, 3, seed=1)
    transform = constant_transform(1, 0, 0, 1, 5, 8).clone()
    transform[..., :4] = 0
    found = adaptive_convolution(x, transform, weight)
    torch.testing.assert_close(found[..., :4], F.conv2d(x, weight.sum((2, 3), keepdim=True))[..., :4])
    torch.testing.assert_close(found[..., 4:], F.conv2d(x, weight, padding=1)[..., 4:])


def test_a_transform_that_is_no_2x2_matrix_is_an_error():
    with pytest.raises(ReproError, match=r"shape \(1, 6, 3, 3\)"):
        sampling_offsets(torch.zeros(1, 6, 3, 3))


def test_lower_precision_is_computed_in_float32():
    x, weight = draw(1, 2, 5, 4).bfloat16(), draw(2, 2, 3, 3, seed=1).float()
    transform = constant_transform(1, 0, 0, 1, 5, 4).bfloat16()
    found = adaptive_convolution(x, transform, weight)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, F.conv2d(x.float(), weight, padding=1).bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert AdaptiveBlocks(2)(x.float())[0].isfinite().all()


def test_the_adaptive_weight_starts_uniform():
    """U(-b, b) with b = 1 / sqrt(9 * 64) = 1 / 24 has a standard deviation of b / sqrt(3)."""
    torch.manual_seed(0)
    weight = AdaptiveWeight(64).weight
    assert weight.abs().max() <= 1 / 24
    assert weight.std().item() == pytest.approx(1 / 24 / math.sqrt(3), rel=0.02)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameters_of_blocks_that_share_weights():
    """Two transforms of 4 * 9C weights and 4 biases a branch, two convolutions of 9C^2, two normalisations a branch."""
    assert count(AdaptiveBlocks(5, (1, 2, 3))) == 2 * (4 * 45 + 3 * 4) + 2 * 9 * 25 + 2 * 3 * 2 * 5
    assert count(PlainBlocks(5, (1, 2, 3))) == 2 * 9 * 25 + 2 * 3 * 2 * 5


def test_a_block_at_its_start_by_its_formula():
    """T = 0: dilation 1 is two 1x1 convolutions, dilation 2 two ordinary ones; a norm divides by sqrt(1 + eps)."""
    block = AdaptiveBlocks(3, (1, 2)).double().eval()
    x, norm = draw(2, 3, 6, 5), 1 / math.sqrt(1 + 1e-5)
    w1, w2 = block.adaptive1.weight, block.adaptive2.weight
    one = F.relu(F.conv2d(x, w1.sum((2, 3), keepdim=True)) * norm)
    one = F.relu(F.conv2d(one, w2.sum((2, 3), keepdim=True)) * norm + x)
    two = F.relu(F.conv2d(F.relu(F.conv2d(x, w1, padding=1) * norm), w2, padding=1) * norm + x)
    for found, expected in zip(block(x), (one, two), strict=True):
        torch.testing.assert_close(found, expected)


def test_both_transforms_come_from_the_input():
    block = AdaptiveBlocks(3).double().eval()
    nn.init.normal_(block.transform1.weight, std=0.1)
    nn.init.normal_(block.transform2.weight, std=0.1)
    x = draw(1, 3, 6, 5)
    ((t1, t2),) = block.transforms(x)
    torch.testing.assert_close(t1, F.conv2d(x, block.transform1.weight, padding=1))
    torch.testing.assert_close(t2, F.conv2d(x, block.transform2.weight, padding=1))
    inner = F.relu(adaptive_convolution(x, t1, block.adaptive1.weight) / math.sqrt(1 + 1e-5))
    outer = adaptive_convolution(inner, t2, block.adaptive2.weight) / math.sqrt(1 + 1e-5)
    torch.testing.assert_close(block(x)[0], F.relu(outer + x))


def test_biases_of_the_transforms_belong_to_one_branch():
    """Bias T = I in the second branch alone, of dilation 1: it becomes an ordinary block, the first stays collapsed."""
    block = AdaptiveBlocks(3, (1, 1)).double().eval()
    before = block(draw(1, 3, 6, 5))
    with torch.no_grad():
        block.transform1.biases[1].copy_(torch.tensor([1.0, 0, 0, 1]))
    after = block(draw(1, 3, 6, 5))
    torch.testing.assert_close(after[0], before[0], rtol=0, atol=0)
    assert not torch.allclose(after[1], before[1])


def test_plain_blocks_by_their_formula():
    block = PlainBlocks(3, (1, 2)).double().eval()
    nn.init.normal_(block.plain1.weight)
    nn.init.normal_(block.plain2.weight)
    x, norm = draw(1, 3, 6, 5), 1 / math.sqrt(1 + 1e-5)
    for d, found in zip((1, 2), block(x), strict=True):
        inner = F.relu(F.conv2d(x, block.plain1.weight, padding=d, dilation=d) * norm)
        outer = F.conv2d(inner, block.plain2.weight, padding=d, dilation=d) * norm
        torch.testing.assert_close(found, F.relu(outer + x))


def test_the_transforms_learn_although_they_start_at_zero():
    torch.manual_seed(0)
    block = AdaptiveBlocks(4, (1, 2))
    torch.use_deterministic_algorithms(True)  # as in training: on a CPU nothing of this is refused
    try:
        sum(out.square().mean() for out in block(torch.randn(2, 4, 6, 6))).backward()
    finally:
        torch.use_deterministic_algorithms(False)
    for name, parameter in block.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name
