"""The CPU form of the deformable convolution against torchvision's operator, values and gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from repro.models.deformable import corners, deformable_convolution, gathered_convolution, sampled_convolution


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (scale * values).requires_grad_()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.0, 0.3, 3.0, 30.0]),
    dilation=st.integers(1, 3),
    masked=st.booleans(),
    form=st.sampled_from([gathered_convolution, sampled_convolution]),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
)
def test_values_and_gradients_are_those_of_torchvision(seed, scale, dilation, masked, form, size):
    """Also far outside and exactly on pixels (scale 0), where the gradient is that of the pixels right and below."""
    x, offsets = draw(2, 3, *size, seed=seed), draw(2, 18, *size, seed=seed + 1, scale=scale)
    weight, bias = draw(4, 3, 3, 3, seed=seed + 2), draw(4, seed=seed + 3)
    mask = draw(2, 9, *size, seed=seed + 4) if masked else None
    inputs = [t for t in (x, offsets, weight, bias, mask) if t is not None]
    found = form(x, offsets, weight, bias=bias, mask=mask, dilation=dilation)
    expected = deform_conv2d(x, offsets, weight, bias, padding=dilation, dilation=dilation, mask=mask)
    torch.testing.assert_close(found, expected)
    pull = torch.randn(found.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    for ours, theirs in zip(
        torch.autograd.grad((found * pull).sum(), inputs),
        torch.autograd.grad((expected * pull).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_corners_by_hand():
    """2x3 pixels, second image, all offsets (dy, dx) = (0.25, -0.5). Centre of pixel (1, 0): x 0.5, y 0.25."""
    offsets = torch.tensor([0.25, -0.5]).repeat(9).view(1, 18, 1, 1).expand(2, 18, 2, 3)
    places, factors = corners(offsets, 1)
    assert places.shape == factors.shape == (2, 2, 3, 9, 4)
    assert places[1, 0, 1, 4].tolist() == [6 + 0, 6 + 1, 6 + 3, 6 + 4]
    assert factors[1, 0, 1, 4].tolist() == [0.5 * 0.75, 0.5 * 0.75, 0.5 * 0.25, 0.5 * 0.25]
    # The tap above it lies at y = -0.75: only the row below the top edge counts.
    assert factors[1, 0, 1, 1].tolist() == [0, 0, 0.5 * 0.25, 0.5 * 0.25]


@pytest.mark.parametrize("grad", [True, False])
def test_without_offsets_it_is_an_ordinary_convolution(grad):
    """Whether the form for training or torchvision's operator runs."""
    x, weight, bias = draw(2, 3, 5, 6), draw(4, 3, 3, 3, seed=1), draw(4, seed=2)
    with torch.set_grad_enabled(grad):
        found = deformable_convolution(x, torch.zeros(2, 18, 5, 6).double(), weight, bias=bias, dilation=2)
    assert found.requires_grad == grad
    torch.testing.assert_close(found, F.conv2d(x, weight, bias, padding=2, dilation=2))


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("channels", [3, 40])
def test_inside_autocast_samples_are_taken_in_float32(grad, channels):
    """A quarter of a pixel beside 300, where the numbers of bfloat16 are 2 apart: 0.75 x + 0.25 of its right neighbour."""
    x = torch.zeros(1, channels, 1, 320).bfloat16()
    x[..., 300], x[..., 301] = 1, 3
    offsets = torch.zeros(1, 18, 1, 320)
    offsets[:, 1::2] = 0.25  # dx
    weight = torch.zeros(1, channels, 3, 3)
    weight[0, 0, 1, 1] = 1
    with torch.set_grad_enabled(grad), torch.autocast("cpu", dtype=torch.bfloat16):
        found = deformable_convolution(x, offsets, weight.requires_grad_(grad))
    assert found.dtype == torch.bfloat16
    assert found[0, 0, 0, 299:302].tolist() == [0.25, 1.5, 2.25]


@pytest.mark.parametrize("grad", [True, False])
def test_inside_autocast_the_product_has_its_precision(grad):
    x, weight = draw(1, 3, 5, 6).detach().bfloat16(), draw(4, 3, 3, 3, seed=1).detach().float()
    with torch.set_grad_enabled(grad), torch.autocast("cpu", dtype=torch.bfloat16):
        found = deformable_convolution(x, torch.zeros(1, 18, 5, 6).bfloat16(), weight)
        expected = F.conv2d(x, weight, padding=1)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=2**-7, atol=2**-7)


@pytest.mark.parametrize("form", [gathered_convolution, sampled_convolution])
def test_bfloat16_of_samples_is_the_nearest(form):
    """A sample between 1 and 1 + 2^-5: the weight 1 shows it as autocast rounds it, 1 + 2^-7 being the next after 1."""
    x = torch.tensor([1.0, 1 + 2**-5]).view(1, 1, 1, 2)
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 1] = 1
    middles = {0.125: 1.0, 0.375: 1 + 2**-6}  # to the even one
    for fraction in (0.124, 0.125, 0.126, 0.375, 0.376, 0.9):
        offsets = torch.zeros(1, 18, 1, 2)
        offsets[:, 9] = fraction  # dx of the central position
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = form(x, offsets, weight)
        expected = middles.get(fraction, 1 + round(fraction * 4) * 2**-7)
        assert found[0, 0, 0, 0].item() == expected, fraction


def test_threads_share_the_images_of_a_batch():
    x, offsets, weight = draw(3, 4, 5, 6), draw(3, 18, 5, 6, seed=1), draw(4, 4, 3, 3, seed=2)
    found = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            out = sampled_convolution(x, offsets, weight)
            found.append((out, *torch.autograd.grad(out.square().sum(), (x, offsets, weight))))
    finally:
        torch.set_num_threads(threads)
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_a_followed_network_gathers_its_samples():
    """What is exported has operators of torch alone."""

    def convolve(x: Tensor) -> Tensor:
        return deformable_convolution(x, torch.full((1, 18, 4, 4), 0.25), torch.ones(2, 3, 3, 3))

    x = draw(1, 3, 4, 4).detach().float()
    traced = torch.jit.trace(convolve, x)
    assert "embedding_bag" in str(traced.graph)
    torch.testing.assert_close(traced(x), convolve(x))
